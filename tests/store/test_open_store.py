"""Opening a store by name or URL."""

from pathlib import Path

import pytest

from llmspell.errors import ConfigError, FeatureUnavailable, LlmSpellError
from llmspell.store import Put, open_store


@pytest.mark.parametrize("backend", ["sqlite", "sled"])
def test_sled_in_older_configurations_means_sqlite(tmp_path: Path, backend: str) -> None:
    store = open_store(backend, path=tmp_path / "state.db")
    assert store.stats()["backend"] == "sqlite"
    store.close()


@pytest.mark.parametrize("form", ["sqlite:///{}", "sqlite+pysqlite:///{}"])
def test_a_sqlite_url_names_the_file(tmp_path: Path, form: str) -> None:
    path = tmp_path / "with space" / "state.db"
    store = open_store("sqlite", url=form.format(str(path).replace(" ", "%20")))
    store.write([Put("s", "k", b"", 1)])
    store.close()
    assert path.is_file()


def test_a_backend_of_another_version_says_what_this_one_has() -> None:
    with pytest.raises(FeatureUnavailable) as caught:
        open_store("redis")
    assert "redis" in caught.value.message
    assert '"sqlite"' in str(caught.value.hint)


@pytest.mark.parametrize(("name", "what"), [("rocksdb", "folder"), ("postgresql", "address")])
def test_a_backend_says_what_it_needs(name: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        open_store(name)


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://me:secret@localhost:1/db", "nosuch://me:secret@host/db"]
)
def test_a_url_that_leads_nowhere_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(LlmSpellError) as caught:
        open_store("sqlite", url=url)
    assert "secret" not in str(caught.value.to_dict())


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "state.db"])
def test_a_url_without_a_file_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store("sqlite", url=url)
    assert caught.value.hint


def test_sqlite_needs_a_path_and_a_known_durability(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_store("sqlite")
    with pytest.raises(ConfigError):
        open_store("sqlite", path=tmp_path / "state.db", durability="eventually")
    assert list(tmp_path.iterdir()) == []
