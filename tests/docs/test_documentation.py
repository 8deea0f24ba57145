# Copyright (c) 2026 gpudev.workstation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation says what is: generated pages are fresh, links lead somewhere, options and defaults agree, the catalogue answers the guides."""

from __future__ import annotations

import importlib.util
import re
import typing as t
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
ROLES = sorted(path for path in (REPOSITORY / "roles").iterdir() if path.is_dir())
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("**/*.md"), *(REPOSITORY / "roles").glob("*/README.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
# Rows of the guides (facts page guides.md): the symptoms, and the rows it marks with F.
GUIDE_ROWS = {*(f"S{number}" for number in range(1, 17)), "G7", "G11", "R5"}


def generator() -> t.Any:
    spec = importlib.util.spec_from_file_location("docs_generate", REPOSITORY / "docs" / "generate.py")
    if spec is None or spec.loader is None:
        raise RuntimeError("docs/generate.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_troubleshooting_page_is_what_the_catalogue_says() -> None:
    module = generator()
    assert module.PAGE.read_text() == module.page(module.entries()), "run `make docs`"


def test_compatibility_page_is_what_the_data_says() -> None:
    module = generator()
    assert module.COMPATIBILITY_PAGE.read_text() == module.compatibility_page(), "run `make docs`"


def test_catalogue_answers_every_symptom_of_the_guides() -> None:
    answered = {row for entry in generator().entries() for row in entry.rows}
    assert answered >= GUIDE_ROWS


def test_catalogue_codes_are_unique_and_patterns_compile() -> None:
    entries = generator().entries()
    assert len({entry.code for entry in entries}) == len(entries)
    for entry in entries:
        assert all(re.compile(pattern, re.IGNORECASE) for pattern in entry.patterns), entry.code
        assert entry.reference.strip() and entry.cause.strip() and entry.remedy.strip(), entry.code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_role_defaults_are_those_of_its_argument_specs(role: Path) -> None:
    options = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    files = sorted((role / "defaults").glob("**/*.yml"))
    defaults = {name: value for file in files for name, value in (yaml.safe_load(file.read_text()) or {}).items() if name[0] != "_"}
    assert set(defaults) == set(options)
    told = {name: option["default"] for name, option in options.items() if "default" in option}
    assert told == {name: defaults[name] for name in told}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_role_has_a_readme(role: Path) -> None:
    assert (role / "README.md").read_text().startswith(f"# {role.name}\n")


def test_make_targets_of_the_readme_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)", (REPOSITORY / "README.md").read_text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_action_group_lists_every_module() -> None:
    runtime = yaml.safe_load((REPOSITORY / "meta" / "runtime.yml").read_text())
    modules = {path.stem for path in (REPOSITORY / "plugins" / "modules").glob("*.py")}
    assert set(runtime["action_groups"]["workstation"]) == modules - {"chain_report"}


def test_consent_words_are_the_same_everywhere() -> None:
    from ansible_collections.gpudev.workstation.plugins.doc_fragments._attributes import ModuleDocFragment
    from ansible_collections.gpudev.workstation.plugins.module_utils._layers import CONSENT_WORDS

    role = yaml.safe_load((REPOSITORY / "roles" / "workstation" / "vars" / "main.yml").read_text())
    fragment = yaml.safe_load(ModuleDocFragment.CONSENT)
    assert tuple(role["_workstation_consent_words"]) == CONSENT_WORDS
    assert tuple(fragment["options"]["allow"]["choices"]) == CONSENT_WORDS
