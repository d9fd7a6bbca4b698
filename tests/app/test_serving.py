"""A dashboard from any working folder: it listens on this machine only and asks nobody anything."""

import re
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request

import pytest

from lab.cli import run as lab
from lab.cli.app import OPTIONS, file_options, network_addresses
from tests.app.servers import LAB, LISTENER, MAIN, ROOT, STREAMLIT, Server, free_port, served

# a project of the user's own, and variables of another one, that would open everything
CARELESS = """
[server]
address = "0.0.0.0"
enableCORS = false
enableXsrfProtection = false
maxUploadSize = 9000
enableAgentApi = true
[browser]
gatherUsageStats = true
serverAddress = "evil.example"
"""
VARIABLES = {
    "STREAMLIT_SERVER_ADDRESS": "0.0.0.0",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "true",
    "STREAMLIT_SERVER_ENABLE_CORS": "false",
    "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION": "false",
    "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": "9000",
}


@pytest.fixture
def folders(tmp_path):
    """The project, a folder of nothing, and one whose own settings open everything."""
    careless = tmp_path / "careless"
    (careless / ".streamlit").mkdir(parents=True)
    (careless / ".streamlit" / "config.toml").write_text(CARELESS)
    (tmp_path / "empty").mkdir()
    return {"project": ROOT, "empty": tmp_path / "empty", "careless": careless}


def fetched(address: str, **headers: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("place", ["project", "empty", "careless"])
@pytest.mark.parametrize("words", [LAB, STREAMLIT], ids=["lab app", "streamlit run"])
def test_it_listens_on_this_machine_only_and_asks_no_other_whatever_the_folder(
    tmp_path, folders, place, words
):
    variables = VARIABLES if words is LAB else {}
    with served(tmp_path / "notes", folders[place], words, **variables) as server:
        assert server.listens_on() == {"127.0.0.1"}
        assert fetched(server.address)[0] == 200
        # for a page of another origin, Streamlit alone would ask the internet for this machine's address
        assert fetched(f"{server.address}/_stcore/host-config", Origin="http://evil.example")[0] == 403
        assert fetched(f"{server.address}/_stcore/host-config")[0] == 200
        assert server.asked_of_the_network() == []
        assert "usage statistics" not in server.log.read_text()


def test_the_audit_of_a_process_sees_what_it_asks_for(tmp_path):
    # the test above can fail: this process asks for an address
    script = LISTENER + "import socket\ntry: socket.getaddrinfo('evil.invalid', 80)\nexcept OSError: pass"
    environment = {"ASKED": str(tmp_path / "asked")}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=60)
    names = Server(None, 0, tmp_path / "log", tmp_path / "asked").asked_of_the_network()
    assert len(names) == 1
    assert "evil.invalid" in names[0]


def test_streamlit_alone_does_not_open_it_to_a_network_without_a_token(tmp_path):
    words = ["run", str(MAIN), "--server.address", "0.0.0.0", "--server.port", str(free_port())]
    ran = subprocess.run(
        [sys.executable, "-m", "streamlit", *words, "--server.headless", "true"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "lab app --open-to-network" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_open_to_a_network_it_shows_a_new_token_once_and_nothing_to_those_without_it(tmp_path):
    with served(tmp_path / "notes", tmp_path, LAB, "--open-to-network") as server:
        assert server.listens_on() == {"0.0.0.0"}
        links = re.findall(rf"http://([^:]+):{server.port}/\?token=(\S+)", server.log.read_text())
        assert {host for host, _ in links} == set(network_addresses())
        (token,) = {token for _, token in links}
        assert len(token) >= 32
        for path in ("/", "/_stcore/health", "/_stcore/host-config", "/?token=wrong"):
            assert fetched(server.address + path)[0] == 403
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(f"{server.address}/?token={token}") as answer:
            assert answer.status == 200
            assert "token" not in answer.url
        # neither the process's list of arguments nor its log say it again
        assert token not in " ".join(server.process.cmdline())
        assert server.log.read_text().count(token) == len(links)
        assert server.asked_of_the_network() == []


def test_a_port_that_is_taken_or_none_is_one_line(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for given in (port, 0, 70_000):
            assert lab(["app", "--port", str(given)]) == 2
            line = capsys.readouterr().err.strip()
            assert line.startswith("lab: ")
            assert str(given) in line.replace(",", "")
            assert "\n" not in line


def test_what_closes_the_dashboard_stands_in_the_file_that_is_always_read():
    options = file_options()
    assert options["server.address"] == "127.0.0.1"
    assert options["browser.gatherUsageStats"] is False
    assert options["server.enableXsrfProtection"] is True
    assert options["server.enableCORS"] is True
    assert options["server.enableAgentApi"] is False
    assert 0 < options["server.maxUploadSize"] <= 200
    assert 0 < options["server.maxMessageSize"] <= 200
    # beside main.py Streamlit reads it from every working folder; a second one in the project would be another truth
    assert OPTIONS.parent.parent == MAIN.parent
    assert not (ROOT / ".streamlit" / "config.toml").exists()
    assert set(tomllib.loads(OPTIONS.read_text())) == {"browser", "server", "client", "theme"}
