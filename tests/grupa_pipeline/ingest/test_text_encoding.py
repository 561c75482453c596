"""Logs in other encodings than UTF-8: read whole, or refused with the encoding that reads them."""

import gzip

import pytest

from grupa_pipeline.ingest.errors import UnusableFileError
from tests.grupa_pipeline.ingest.conftest import HEADER, events_of, rejections
from tests.grupa_pipeline.ingest.following_advice import follow

WESTERN = {
    "German": ("Kündigung bestätigt", "Tarif geändert", "Mahnung", "größe gewählt", "Öffnen", "kontoÄndern"),
    "French": ("commande passée", "désabonné", "échec du paiement — été", "reçu n° 5", "où"),
    "Spanish": ("¿ayuda?", "sesión iniciada", "año", "contraseña olvidada"),
    "Portuguese": ("cotação", "não concluído", "avaliação"),
    "Italian": ("già pagato", "perché", "prezzo €"),
    "Dutch": ("geëindigd", "coördinatie"),
}
ELSEWHERE = {
    "cp1250": ("płatność zakończona", "rejestracja użytkownika", "błąd logowania", "zamówienie złożone"),
    "cp1251": ("оплата прошла", "регистрация пользователя", "ошибка входа"),
    "cp1253": ("πληρωμή ολοκληρώθηκε", "εγγραφή χρήστη"),
    "cp932": ("購入完了", "ログイン失敗", "カートに追加"),
    "gb18030": ("支付成功", "注册用户", "登录失败"),
    "cp949": ("결제 완료", "회원 가입", "로그인 실패"),
    "mac_roman": ("Kündigung bestätigt", "Tarif geändert", "Größe gewählt"),
}


def log_of(actions: tuple[str, ...], rows: int = 60, first: int = 0) -> str:
    lines = (f"u{row},2025-01-01 10:00:{row % 60:02},{actions[row % len(actions)]},\n" for row in range(first, rows))
    return "".join(lines)


def actions_of(file) -> set[str]:
    return {event["action"] for event in events_of(file)}


@pytest.mark.slow
@pytest.mark.parametrize("language", WESTERN)
@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_western_languages_are_recognised_in_the_whole_file(language, name, ingest_text):
    actions = WESTERN[language]
    content = (HEADER + log_of(("view",), 1_000) + log_of(actions)).encode("cp1252")  # its start is plain ASCII
    file = ingest_text(gzip.compress(content) if name.endswith("gz") else content, name=name)
    assert (file.rows_rejected, actions_of(file)) == (0, {"view", *actions})
    [note] = [note for note in file.notes if "cp1252" in note]
    assert "--encoding" in note


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ELSEWHERE)
def test_other_encodings_are_asked_and_read_once_named(encoding, ingest_text):
    actions = ELSEWHERE[encoding]
    content = (HEADER + log_of(actions)).encode(encoding)
    advice = follow(ingest_text, content, "log.csv")
    assert len(advice.refusals) == 1
    assert any(action in advice.refusals[0] for action in actions)  # a person sees whether it is right
    assert (advice.options, actions_of(advice.file)) == ({"encoding": encoding}, set(actions))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_unicode_is_recognised_with_and_without_its_mark(encoding, ingest_text):
    actions = (*ELSEWHERE["cp932"], *WESTERN["German"])
    file = ingest_text((HEADER + log_of(actions)).encode(encoding))
    assert (file.rows_rejected, actions_of(file)) == (0, set(actions))


def test_rows_of_two_encodings_are_each_read_in_theirs(ingest_text):
    german = WESTERN["German"]
    content = (HEADER + log_of(german)).encode() + log_of(german, 90, 60).encode("cp1252")
    file = ingest_text(content)
    assert (file.rows_accepted, actions_of(file)) == (90, set(german))
    assert any("line 62" in note for note in file.notes)


@pytest.mark.slow
def test_damaged_characters_among_utf8_are_rejected_alone_while_they_are_few(ingest_text):
    text = (HEADER + log_of(WESTERN["German"], 2_000)).encode()
    damaged = b"v1,2025-01-01,gew\xc3\xa4hlt und ge\xc3,\n"
    file = ingest_text(text + damaged)
    assert rejections(file) == [(2_002, "bad_encoding")]
    with pytest.raises(UnusableFileError, match=r"30 of its 2,030 records .*bad_encoding.*--accept-rejects") as refusal:
        ingest_text(text + damaged * 30)
    assert refusal.value.rejects
    assert ingest_text(text + damaged * 30, accept_rejects=True).rows_rejected == 30


def test_a_few_odd_bytes_are_no_encoding(ingest_text):
    file = ingest_text(HEADER.encode() + log_of(("view",)).encode() + b"u1,2025-01-01,\xff\xfe\x80,\n")
    assert (file.rows_accepted, rejections(file)) == (60, [(62, "bad_encoding")])


def test_a_wrong_encoding_is_told(ingest_text):
    content = (HEADER + log_of(WESTERN["German"])).encode("cp1252")
    with pytest.raises(UnusableFileError, match="it is not utf-8"):
        ingest_text(content, encoding="utf-8")
    assert "Tarif geдndert" in actions_of(ingest_text(content, encoding="cp1251"))  # as a person says


@pytest.mark.slow
def test_one_command_reads_a_foreign_log(ingest_text):
    """German, semicolons, cp1252, unknown columns, the day first: all of it is said at once."""
    rows = (f"u{n};{1 + n % 28:02}.03.2024 1{n % 9}:00;{WESTERN['German'][n % 6]}\n" for n in range(200))
    content = ("Benutzer;Zeitpunkt;Aktivität\n" + "".join(rows)).encode("cp1252")
    advice = follow(ingest_text, content, "log.csv")
    assert len(advice.refusals) == 1
    assert advice.options == {
        "columns": "user_id=Benutzer,timestamp=Zeitpunkt,action=Aktivität",
        "timestamp_format": "%d.%m.%Y %H:%M",
    }
    assert (advice.file.rows_accepted, actions_of(advice.file)) == (200, set(WESTERN["German"]))


def test_the_hash_is_that_of_the_bytes_as_given(ingest_text):
    content = (HEADER + log_of(WESTERN["German"])).encode("cp1252")
    first = ingest_text(content)
    assert ingest_text(content, earlier=(first,)).already_ingested
    assert first.file_sha256 != ingest_text((HEADER + log_of(WESTERN["German"])).encode()).file_sha256
