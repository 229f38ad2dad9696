"""What a public forge reads: forms and workflows that it takes, and that do what is done here."""

import re
from pathlib import Path

import install
import pytest
import release
import yaml
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
FORGE = ROOT / ".github"
SCHEMAS = {
    "vendor.github-workflows": sorted(FORGE.glob("workflows/*.yml")),
    "vendor.github-issue-config": [FORGE / "ISSUE_TEMPLATE/config.yml"],
    "vendor.github-issue-forms": sorted(
        path for path in FORGE.glob("ISSUE_TEMPLATE/*.yml") if path.name != "config.yml"
    ),
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_forge_takes_our_forms_and_workflows(schema: str) -> None:
    from check_jsonschema import main  # for whoever collects all tests it takes too long

    assert SCHEMAS[schema]
    files = [str(path) for path in SCHEMAS[schema]]
    checked = CliRunner().invoke(main, ["--builtin-schema", schema, *files])
    assert checked.exit_code == 0, checked.output


def _steps(workflow: str, job: str) -> list[str]:
    steps = yaml.safe_load((FORGE / f"workflows/{workflow}.yml").read_text())["jobs"][job]["steps"]
    return [step["run"] for step in steps if "run" in step]


def test_the_forge_runs_what_is_run_here_on_every_python_of_the_lock() -> None:
    script = (ROOT / ".ci/run").read_text().splitlines()
    assert _steps("ci", "test") == [line for line in script if line.startswith("make ")]
    for workflow, job in (("ci", "test"), ("release", "install")):
        jobs = yaml.safe_load((FORGE / f"workflows/{workflow}.yml").read_text())["jobs"]
        assert jobs[job]["strategy"]["matrix"]["python"] == list(install.PYTHONS)


def test_changes_are_kept_in_the_form_that_the_release_reads() -> None:
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    text = (ROOT / "CHANGELOG.md").read_text()
    unreleased, *released = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert unreleased == "[Unreleased]"
    for title in released:
        assert release.changes(text, title.partition("]")[0].removeprefix("[")), title
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds
