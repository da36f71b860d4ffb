"""What holds of a directory alone: temporary files, file modes, foreign files."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event

import pytest

from de_assets.errors import PreconditionFailedError
from de_assets.storage.objects import LocalStore
from de_assets.storage.replacing import UNFINISHED, replacing


def unfinished(root: Path) -> list[str]:
    return sorted(path.name for path in (root / UNFINISHED).iterdir() if path.name != "lock")


def test_a_directory_that_is_not_there_holds_nothing(tmp_path: Path):
    store = LocalStore(tmp_path / "nowhere")

    assert list(store.list()) == []
    with pytest.raises(FileNotFoundError):
        store.read("a")
    assert not (tmp_path / "nowhere").exists()


def test_the_root_is_absolute_whatever_the_working_directory_becomes(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    store = LocalStore(Path("data/lake"))

    assert store.root == str(tmp_path / "data/lake")
    assert store.url("a/b") == str(tmp_path / "data/lake/a/b")


@pytest.mark.parametrize("conditions", [{}, {"if_absent": True}])
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_a_file_has_the_mode_that_the_umask_gives(tmp_path: Path, conditions, umask, mode):
    before = os.umask(umask)
    try:
        LocalStore(tmp_path).write("a", b"1", **conditions)
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


@pytest.mark.parametrize("conditions", [{}, {"if_absent": True}])
def test_content_is_on_the_disk_before_it_has_its_name(tmp_path: Path, conditions):
    script = (
        "import sys; from pathlib import Path; from de_assets.storage.objects import LocalStore\n"
        "calls = []\n"
        "def hear(event, args):\n"
        "    if event == 'os.rename': calls.append('rename')\n"
        "sys.addaudithook(hear)\n"
        "import os; sync = os.fsync\n"
        "def fsync(handle): calls.append('fsync'); sync(handle)\n"
        "os.fsync = fsync\n"
        f"LocalStore(Path(sys.argv[1])).write('a', b'1', **{conditions!r})\n"
        "print(calls)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "['fsync', 'rename']"


class Hesitant(LocalStore):
    """A writer that looks whether its condition holds, and then takes its time."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.has_looked = Event()
        self.may_go_on = Event()

    def read(self, key: str) -> tuple[bytes, str]:
        try:
            return super().read(key)
        finally:
            self.has_looked.set()
            assert self.may_go_on.wait(10)


@pytest.mark.parametrize("conditions", [{}, {"if_absent": True}])
def test_nobody_writes_between_a_condition_and_the_write_that_it_guards(tmp_path: Path, conditions):
    hesitant = Hesitant(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hesitant.write, "a", b"first", if_absent=True)
        assert hesitant.has_looked.wait(10)

        second = pool.submit(LocalStore(tmp_path).write, "a", b"second", **conditions)
        too_early = wait([second], timeout=0.1).done
        hesitant.may_go_on.set()

    assert too_early == set()
    assert first.exception() is None
    assert isinstance(second.exception(), PreconditionFailedError if conditions else type(None))


def test_a_lost_condition_leaves_no_temporary_file(tmp_path: Path):
    store = LocalStore(tmp_path)
    store.write("a", b"1")

    with pytest.raises(PreconditionFailedError):
        store.write("a", b"2", if_absent=True)

    assert unfinished(tmp_path) == []


def test_an_exception_while_writing_leaves_the_old_file_and_no_temporary_one(tmp_path: Path):
    store = LocalStore(tmp_path)
    store.write("a", b"old")

    def break_off() -> None:
        with store.replacing("a") as temporary:
            temporary.write_bytes(b"half of the ne")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()

    assert store.read("a")[0] == b"old"
    assert unfinished(tmp_path) == []


def test_an_unfinished_file_is_no_object(tmp_path: Path):
    store = LocalStore(tmp_path)

    with store.replacing("a") as temporary:
        temporary.write_bytes(b"half")
        while_writing = [info.key for info in store.list()]

    assert while_writing == []
    assert [info.key for info in store.list()] == ["a"]


def test_a_writer_removes_what_dead_ones_left_and_nothing_of_the_living(tmp_path: Path):
    (tmp_path / UNFINISHED).mkdir()
    (tmp_path / UNFINISHED / "left-by-a-dead-writer").write_bytes(b"half")
    store = LocalStore(tmp_path)

    with store.replacing("living") as temporary:
        temporary.write_bytes(b"half")
        store.write("other", b"1")
        left = unfinished(tmp_path)
        temporary.write_bytes(b"whole")

    assert left == [temporary.name]
    assert store.read("living")[0] == b"whole"


def test_two_writers_of_one_file_do_not_meet_before_the_end(tmp_path: Path):
    path = tmp_path / "a"

    with replacing(path, tmp_path / UNFINISHED) as one:
        one.write_bytes(b"one")
        with replacing(path, tmp_path / UNFINISHED) as other:
            other.write_bytes(b"other")
        between = path.read_bytes()

    assert between == b"other"
    assert path.read_bytes() == b"one"


def test_a_file_that_vanishes_during_a_listing_is_passed_over(tmp_path: Path):
    store = LocalStore(tmp_path)
    for key in ("a", "b", "c"):
        store.write(key, b"1")

    listing = store.list()
    first = next(listing).key
    store.delete("b")
    rest = [info.key for info in listing]

    assert (first, rest) == ("a", ["c"])
