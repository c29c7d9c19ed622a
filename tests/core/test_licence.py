from __future__ import annotations

import pytest

from garden.core.licence import LicenceClass, known_licences, licence_of


@pytest.mark.parametrize(
    ("license_id", "license_class", "duty"),
    [
        ("apache-2.0", LicenceClass.PERMISSIVE, "notice"),
        ("MIT", LicenceClass.PERMISSIVE, "notice"),
        ("gpl-3.0", LicenceClass.COPYLEFT, "source"),
        ("agpl-3.0", LicenceClass.COPYLEFT, "network"),
        ("cc-by-sa-4.0", LicenceClass.COPYLEFT, "same licence"),
        ("llama3.1", LicenceClass.RESTRICTED, "Built with Llama"),
        ("gemma", LicenceClass.RESTRICTED, "use policy"),
        ("cc-by-nc-4.0", LicenceClass.NON_COMMERCIAL, "No commercial use"),
        ("cc-by-nc-sa-4.0", LicenceClass.NON_COMMERCIAL, "No commercial use"),
        ("mrl", LicenceClass.NON_COMMERCIAL, "research"),
        ("other", LicenceClass.UNKNOWN, "card"),
        (None, LicenceClass.UNKNOWN, "nothing is allowed"),
    ],
)
def test_a_licence_has_a_class_and_duties(license_id: str | None, license_class: LicenceClass, duty: str) -> None:
    licence = licence_of(license_id)

    assert licence.license_class is license_class
    assert any(duty in each for each in licence.duties)


@pytest.mark.parametrize(
    ("license_id", "license_class"),
    [
        ("acme-non-commercial-license", LicenceClass.NON_COMMERCIAL),
        ("acme-research-license", LicenceClass.NON_COMMERCIAL),
        ("acme-community-license", LicenceClass.RESTRICTED),
        ("llama9", LicenceClass.RESTRICTED),
        ("x" * 200, LicenceClass.UNKNOWN),
        ("<b>mit</b>", LicenceClass.UNKNOWN),
    ],
)
def test_publishers_own_ids_are_classed_by_what_they_say_of_themselves(
    license_id: str, license_class: LicenceClass
) -> None:
    licence = licence_of(license_id)

    assert (licence.license_class, licence.duties) == (license_class, ())


def test_a_noncommercial_licence_is_never_read_as_permissive() -> None:
    for licence in known_licences():
        if "-nc" in licence.license_id:
            assert licence.license_class is LicenceClass.NON_COMMERCIAL
        for duty in licence.duties:
            assert duty.endswith(".")
