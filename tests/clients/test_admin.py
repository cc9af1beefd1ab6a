"""The admin API against its own document: Schemathesis makes calls of it, right and wrong ones, and judges the answers."""

import subprocess
import sys
from pathlib import Path

import harness
import pytest

KEY = "admin-key-of-the-tests"
DOCUMENT = "/admin/api/v1/openapi.json"

# Every one must hold of every answer. What is left out: `positive_data_acceptance` (more of an object of the configuration
# is checked than its shape), and those on a life of objects from call to call, which
# tests/admin/life.rs leads.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]

# A condition that does not hold is an answer, whatever is wrong with the body.
SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429, "5xx"]
"""

# Not called: a stream without an end; and what would connect to any address that comes to mind. Everything else is, also
# what destroys: the gateway is this test's own, and what its file declares cannot go.
LEFT_OUT = ["/admin/api/v1/events", "/admin/api/v1/providers/probe"]


@pytest.mark.timeout(480)
def test_every_answer_is_as_the_document_says(tmp_path: Path, vendor: harness.Vendor) -> None:
    variables = {"ADMIN_KEY": KEY, "ADMIN_PASSWORD": "password-of-the-tests"}
    with harness.gateway(tmp_path, vendor, variables=variables) as gateway:
        port = int(gateway.url.rsplit(":", 1)[1])
        harness.eventually(lambda: harness.answers(port, DOCUMENT), "the admin side answers", patience=30)
        settings = tmp_path / "schemathesis.toml"
        settings.write_text(SETTINGS)
        command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(settings)]
        command += ["run", gateway.url + DOCUMENT]
        command += ["--header", f"Authorization: Bearer {KEY}", "--checks", ",".join(CHECKS)]
        # The same calls each time; of each operation so many at random.
        command += ["--phases", "examples,coverage,fuzzing", "--max-examples", "15", "--seed", "1"]
        command += ["--continue-on-failure", "--warnings", "off", "--no-color"]
        for path in LEFT_OUT:
            command += ["--exclude-path", path]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=450)
        assert run.returncode == 0, run.stdout[-20000:] + run.stderr[-2000:]
