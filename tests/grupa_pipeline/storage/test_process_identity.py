import subprocess
import sys
import time
from dataclasses import replace

from grupa_pipeline.storage.process_identity import ProcessIdentity, ProcessState

WATCH = """
import sys, time
from grupa_pipeline.storage.process_identity import ProcessIdentity, end_with
end_with(ProcessIdentity.parse(sys.stdin.readline()))
print("watching", flush=True)
time.sleep(600)
"""
NAME_ITSELF = """
from grupa_pipeline.storage.process_identity import ProcessIdentity
print(ProcessIdentity.current(), flush=True)
input()
"""


def start(code: str) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-S", "-c", code], **pipes)


def test_a_process_knows_itself_by_its_text() -> None:
    here = ProcessIdentity.current()
    assert ProcessIdentity.parse(str(here)) == here and here.state() is ProcessState.ALIVE
    assert ProcessIdentity.parse("") is None and ProcessIdentity.parse('{"pid": 1}') is None


def test_a_process_that_ended_is_gone_and_so_is_one_whose_id_was_given_to_another() -> None:
    other = start(NAME_ITSELF)
    assert other.stdout
    known = ProcessIdentity.parse(other.stdout.readline())
    assert known and known.pid == other.pid and known.state() is ProcessState.ALIVE
    other.kill()
    deadline = time.monotonic() + 10
    while known.state() is ProcessState.ALIVE and time.monotonic() < deadline:
        time.sleep(0.01)
    assert known.state() is ProcessState.GONE, "a zombie is gone"
    other.wait()
    assert known.state() is ProcessState.GONE
    assert replace(ProcessIdentity.current(), started=1).state() is ProcessState.GONE


def test_another_boot_of_this_machine_and_other_machines() -> None:
    here = ProcessIdentity.current()
    assert replace(here, boot="before").state() is ProcessState.GONE
    assert replace(here, boot="before", host="another").state() is ProcessState.UNKNOWN
    assert replace(here, namespace="pid:[1]").state() is ProcessState.UNKNOWN


def test_a_process_ends_with_its_leader_or_at_once_where_that_has_ended() -> None:
    leader = start(NAME_ITSELF)
    assert leader.stdout
    name = leader.stdout.readline()
    follower = start(WATCH)
    assert follower.stdin and follower.stdout
    follower.stdin.write(name)
    follower.stdin.flush()
    assert follower.stdout.readline() == "watching\n"
    leader.kill()
    leader.wait()
    assert follower.wait(10) == 1
    late = start(WATCH)
    assert late.communicate(name, timeout=10)[0] == "" and late.returncode == 1
