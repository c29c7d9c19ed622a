"""What facts about a repository mean, in words."""

from __future__ import annotations

import dataclasses

from garden.core.trust import EvaluationClaim, FileIssue, RepositoryTrust
from garden.services.trust_report import TrustFact, Weight, trust_facts

_OPEN = RepositoryTrust(repo_id="lab/model", commit="c" * 40, license_id="apache-2.0", formats=("gguf",), scanned=True)


def _facts(**changes: object) -> dict[str, TrustFact]:
    return {fact.subject: fact for fact in trust_facts(dataclasses.replace(_OPEN, **changes))}  # type: ignore[arg-type]  # fields by name


def test_an_open_repository_of_gguf_files_is_good_news() -> None:
    facts = _facts()

    assert {facts[subject].weight for subject in ("Licence", "Formats", "Scans of the Hub")} == {Weight.GOOD}
    assert facts["Licence"].headline == "Apache-2.0 · permissive"
    assert facts["Version"].headline == "c" * 12


def test_files_that_run_code_are_named() -> None:
    formats = _facts(code_files=("a.bin", "b.pt", "c.pkl", "d.ckpt"))["Formats"]

    assert formats.headline == "Holds files that can run code: a.bin, b.pt, c.pkl and 1 more"
    assert formats.weight is Weight.WARNING


def test_code_of_its_own_is_a_warning() -> None:
    assert _facts(custom_code=True)["Formats"].weight is Weight.WARNING


def test_what_scanners_found_is_told_and_what_they_did_not_say_too() -> None:
    found = _facts(issues=(FileIssue(filename="x.bin", level="unsafe"),))["Scans of the Hub"]

    assert (found.headline, found.weight) == ("1 file with issues: x.bin (unsafe)", Weight.WARNING)
    assert _facts(scanned=None)["Scans of the Hub"].headline == "The Hub does not say what they found"
    assert _facts(scanned=False)["Scans of the Hub"].headline == "Not done yet"


def test_a_missing_licence_and_one_that_forbids_business_are_warnings() -> None:
    assert _facts(license_id=None)["Licence"].weight is Weight.WARNING
    limited = _facts(license_id="cc-by-nc-4.0")["Licence"]
    assert (limited.weight, limited.headline) == (Weight.WARNING, "CC BY-NC 4.0 · non-commercial")


def test_who_lets_in_is_told() -> None:
    assert "at once" in _facts(gated="auto")["Access"].sentence
    assert "publisher decides" in _facts(gated="manual")["Access"].sentence
    assert _facts(private=True)["Access"].headline == "Private"
    assert "Access" not in _facts()


def test_claims_are_told_as_claims() -> None:
    claim = EvaluationClaim(task="Text Generation", dataset="MMLU", metric="accuracy", value="71.2")

    assert _facts(claims=(claim,))["Claimed result"].headline == "MMLU · accuracy: 71.2"
