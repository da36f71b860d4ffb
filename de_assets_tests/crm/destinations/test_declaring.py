"""The section `destinations` of the sources file: what it may say, and what is said otherwise."""

import pytest

from de_assets.contracts.tables import TABLES
from de_assets.errors import SourcesError
from de_assets.sources import load_sources

HEAD = "calendar: {start: 2009-12-01, end: 2011-12-09}\ncurrency: gbp\n"


def loaded(tmp_path, text):
    path = tmp_path / "sources.yaml"
    path.write_text(f"{HEAD}destinations:\n{text}")
    return load_sources(path).destinations


def refused(tmp_path, text):
    with pytest.raises(SourcesError) as error:
        loaded(tmp_path, text)
    return str(error.value)


def test_without_the_section_there_are_none(tmp_path):
    path = tmp_path / "sources.yaml"
    path.write_text(HEAD)

    assert load_sources(path).destinations == ()


def test_each_is_read_with_its_options(tmp_path):
    drop, here, hook = loaded(
        tmp_path,
        """
  - {name: warehouse, url: "s3://bucket/scores/", format: parquet}
  - {name: office, url: outbox/}
  - {name: dialer, url: "https://dialer.example/scores", batch_size: 50}
""",
    )

    assert (drop.is_files, drop.format, drop.url) == (True, "parquet", "s3://bucket/scores/")
    assert (here.is_files, here.format, here.url) == (True, None, str(tmp_path / "outbox"))
    assert (hook.is_files, hook.batch_size) == (False, 50)
    assert hook.shown == "the webhook at dialer.example"


def test_a_file_url_and_an_absolute_path_are_directories(tmp_path):
    one, two = loaded(
        tmp_path, "  - {name: a, url: 'file:///srv/out%20box'}\n  - {name: b, url: /srv/out}\n"
    )

    assert (one.url, two.url) == ("/srv/out box", "/srv/out")


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:9"])
def test_http_is_for_this_machine(tmp_path, host):
    (hook,) = loaded(tmp_path, f"  - {{name: a, url: 'http://{host}/x'}}\n")

    assert not hook.is_files


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("name: a, url: 'http://dialer.example/x'", "must be https://"),
        ("name: a, url: 'http://127.0.0.1.example/x'", "must be https://"),
        ("name: a, url: 'https://me:secret@dialer.example/x'", "DE_ASSETS_WEBHOOK_TOKEN"),
        ("name: a, url: 'https://dialer.example/x?key=secret'", "DE_ASSETS_WEBHOOK_TOKEN"),
        ("name: a, url: 'https:///x'", "names no host"),
        ("name: a, url: 's3:///x'", "names no bucket"),
        ("name: a, url: 'ftp://host/x'", "ftp: is not supported"),
        ("name: a, url: 'file://host/x'", "without a host"),
        ("name: A-b, url: out/", "small letters"),
        ("name: journal, url: out/", "name of something else"),
        ("name: sync_plan, url: out/", "name of something else"),
        ("name: a, url: out/, batch_size: 10", "batch_size is for a webhook"),
        ("name: a, url: 'https://dialer.example/x', format: csv", "format is for files"),
        ("name: a, url: out/, format: xlsx", "'csv' or 'parquet'"),
        ("name: a, url: 'https://dialer.example/x', batch_size: 0", "greater than or equal to 1"),
        ("name: a, url: out/, formt: csv", "did you mean format?"),
        ("name: a", "url: is required"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_never_with_a_secret(tmp_path, entry, sentence):
    text = refused(tmp_path, f"  - {{{entry}}}\n")

    assert "destinations.0" in text
    assert sentence in text
    assert "secret@" not in text
    assert "key=secret" not in text


def test_no_table_of_the_lake_can_be_taken_for_a_destination(tmp_path):
    for key in TABLES:
        stage, _, name = key.partition("/")
        if stage == "crm":
            assert "something else" in refused(tmp_path, f"  - {{name: {name}, url: out/}}\n")


def test_two_of_the_same_name_are_refused(tmp_path):
    text = refused(tmp_path, "  - {name: a, url: out/}\n  - {name: a, url: other/}\n")

    assert "two have the same name" in text


def test_webhooks_of_two_hosts_would_share_the_token_and_are_refused(tmp_path):
    text = refused(
        tmp_path,
        "  - {name: a, url: 'https://one.example/x'}\n  - {name: b, url: 'https://two.example/x'}\n",
    )

    assert "would get the token" in text
