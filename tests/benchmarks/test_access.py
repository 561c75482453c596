"""The parts of the access benchmark that need no server, small."""

import pytest

from benchmarks.reliability.access import audited_day, held_connections, lock_outs

pytestmark = pytest.mark.slow


@pytest.mark.slow
def test_a_scripted_day_is_in_the_audit_log(tmp_path, quick_passwords):
    folder = held_connections.warehouse_in(tmp_path / "a" / "warehouse")
    assert audited_day.missing_and_personal(folder, 40, seed=3) == ([], [])


def test_right_sign_ins_lock_nobody_and_wrong_ones_slow_a_name(tmp_path):
    found = lock_outs.lock_outs(tmp_path, 120)
    assert (found.refused_right, found.is_open) == (0, True)
    assert 30 <= found.checked_wrong < 120
    assert 0 < found.wait <= lock_outs.LONGEST_WAIT
