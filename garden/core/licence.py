"""Licences of models: what class each is of, and what it asks of whoever uses the model.

The Hub knows licences by an id that the publisher chose. The classes and duties below are a reading of the published
texts for finding models; they are no legal advice, and the licence's own text decides.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class LicenceClass(enum.StrEnum):
    """What a licence allows, roughly."""

    PERMISSIVE = "permissive"
    COPYLEFT = "copyleft"
    RESTRICTED = "restricted"
    NON_COMMERCIAL = "non-commercial"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence.

    Attributes:
        license_id: The Hub's id.
        name: As people write it.
        license_class: What it allows.
        duties: What it asks for, one short clause each; empty when Garden does not know it.
    """

    license_id: str
    name: str
    license_class: LicenceClass
    duties: tuple[str, ...] = ()


_NOTICE = "Keep the copyright notice and the licence text with copies."
_CREDIT = "Name the author and link to the licence; say what was changed."
_SAME = "Pass on changed versions under the same licence."
_SOURCE = "Give the source along with what you pass on."
_NO_BUSINESS = "No commercial use."
_NO_CHANGES = "Pass it on unchanged only."
_USE_POLICY = "Keep to the use policy that comes with it, and pass its limits on."
_RESEARCH = "Use it for research only."

_P, _C, _R, _N = (
    LicenceClass.PERMISSIVE,
    LicenceClass.COPYLEFT,
    LicenceClass.RESTRICTED,
    LicenceClass.NON_COMMERCIAL,
)

_LLAMA = (
    "Show “Built with Llama” and keep the notice.",
    _USE_POLICY,
    "Above 700 million users a month Meta has to be asked.",
)
_RAIL = ("Keep to the uses that it allows, and pass its limits on.", _NOTICE)

_KNOWN = {
    licence.license_id: licence
    for licence in (
        Licence("apache-2.0", "Apache-2.0", _P, (_NOTICE, "Say what was changed.")),
        Licence("mit", "MIT", _P, (_NOTICE,)),
        Licence("bsd", "BSD", _P, (_NOTICE,)),
        Licence("bsd-2-clause", "BSD-2-Clause", _P, (_NOTICE,)),
        Licence("bsd-3-clause", "BSD-3-Clause", _P, (_NOTICE, "Do not advertise with the authors' names.")),
        Licence("bsd-3-clause-clear", "BSD-3-Clause-Clear", _P, (_NOTICE, "No patent rights are given.")),
        Licence("isc", "ISC", _P, (_NOTICE,)),
        Licence("zlib", "zlib", _P, ("Mark changed versions as such.",)),
        Licence("artistic-2.0", "Artistic-2.0", _P, (_NOTICE, "Name changed versions differently.")),
        Licence("afl-3.0", "AFL-3.0", _P, (_NOTICE,)),
        Licence("ecl-2.0", "ECL-2.0", _P, (_NOTICE,)),
        Licence("bsl-1.0", "BSL-1.0", _P, (_NOTICE,)),
        Licence("postgresql", "PostgreSQL", _P, (_NOTICE,)),
        Licence("ms-pl", "MS-PL", _P, (_NOTICE,)),
        Licence("cdla-permissive-1.0", "CDLA-Permissive-1.0", _P, (_NOTICE,)),
        Licence("cdla-permissive-2.0", "CDLA-Permissive-2.0", _P, (_NOTICE,)),
        Licence("unlicense", "Unlicense", _P),
        Licence("wtfpl", "WTFPL", _P),
        Licence("cc0-1.0", "CC0 1.0", _P),
        Licence("pddl", "PDDL", _P),
        Licence("cc-by-2.0", "CC BY 2.0", _P, (_CREDIT,)),
        Licence("cc-by-2.5", "CC BY 2.5", _P, (_CREDIT,)),
        Licence("cc-by-3.0", "CC BY 3.0", _P, (_CREDIT,)),
        Licence("cc-by-4.0", "CC BY 4.0", _P, (_CREDIT,)),
        Licence("odc-by", "ODC-By", _P, (_CREDIT,)),
        Licence("gpl", "GPL", _C, (_SAME, _SOURCE)),
        Licence("gpl-2.0", "GPL-2.0", _C, (_SAME, _SOURCE)),
        Licence("gpl-3.0", "GPL-3.0", _C, (_SAME, _SOURCE)),
        Licence("agpl-3.0", "AGPL-3.0", _C, (_SAME, _SOURCE, "The same holds for who uses it over a network.")),
        Licence("lgpl", "LGPL", _C, (_SAME, _SOURCE)),
        Licence("lgpl-2.1", "LGPL-2.1", _C, (_SAME, _SOURCE)),
        Licence("lgpl-3.0", "LGPL-3.0", _C, (_SAME, _SOURCE)),
        Licence("mpl-2.0", "MPL-2.0", _C, ("Pass on changed files under the same licence.",)),
        Licence("epl-1.0", "EPL-1.0", _C, (_SAME,)),
        Licence("epl-2.0", "EPL-2.0", _C, (_SAME,)),
        Licence("eupl-1.1", "EUPL-1.1", _C, (_SAME,)),
        Licence("eupl-1.2", "EUPL-1.2", _C, (_SAME,)),
        Licence("osl-3.0", "OSL-3.0", _C, (_SAME, _SOURCE)),
        Licence("odbl", "ODbL", _C, (_CREDIT, _SAME)),
        Licence("gfdl", "GFDL", _C, (_SAME,)),
        Licence("cc-by-sa-3.0", "CC BY-SA 3.0", _C, (_CREDIT, _SAME)),
        Licence("cc-by-sa-4.0", "CC BY-SA 4.0", _C, (_CREDIT, _SAME)),
        Licence("cdla-sharing-1.0", "CDLA-Sharing-1.0", _C, (_SAME,)),
        Licence("llama2", "Llama 2", _R, _LLAMA[1:]),
        Licence("llama3", "Llama 3", _R, _LLAMA),
        Licence("llama3.1", "Llama 3.1", _R, _LLAMA),
        Licence("llama3.2", "Llama 3.2", _R, _LLAMA),
        Licence("llama3.3", "Llama 3.3", _R, _LLAMA),
        Licence("llama4", "Llama 4", _R, _LLAMA),
        Licence("gemma", "Gemma", _R, (_USE_POLICY, "Pass the terms on with copies and derivatives.")),
        Licence("qwen", "Qwen", _R, ("Above 100 million users a month Alibaba Cloud has to be asked.", _NOTICE)),
        Licence("tongyi-qianwen", "Tongyi Qianwen", _R, ("Above 100 million users a month it needs consent.", _NOTICE)),
        Licence("deepseek", "DeepSeek", _R, _RAIL),
        Licence("health-ai-developer-foundations", "Health AI Foundations", _R, (_USE_POLICY,)),
        Licence("openrail", "OpenRAIL", _R, _RAIL),
        Licence("openrail++", "OpenRAIL++", _R, _RAIL),
        Licence("creativeml-openrail-m", "CreativeML OpenRAIL-M", _R, _RAIL),
        Licence("bigscience-openrail-m", "BigScience OpenRAIL-M", _R, _RAIL),
        Licence("bigscience-bloom-rail-1.0", "BLOOM RAIL 1.0", _R, _RAIL),
        Licence("bigcode-openrail-m", "BigCode OpenRAIL-M", _R, _RAIL),
        Licence("falcon-mamba-7b-license", "Falcon Mamba", _R, (_USE_POLICY,)),
        Licence("falcon-llm-license", "Falcon", _R, (_USE_POLICY,)),
        Licence("nvidia-open-model-license", "NVIDIA Open Model", _R, (_NOTICE, _USE_POLICY)),
        Licence("lfm1.0", "LFM 1.0", _R, ("Above 10 million dollars of revenue it needs a licence.", _NOTICE)),
        Licence("cc-by-nd-4.0", "CC BY-ND 4.0", _R, (_CREDIT, _NO_CHANGES)),
        Licence("cc-by-nc-2.0", "CC BY-NC 2.0", _N, (_CREDIT, _NO_BUSINESS)),
        Licence("cc-by-nc-3.0", "CC BY-NC 3.0", _N, (_CREDIT, _NO_BUSINESS)),
        Licence("cc-by-nc-4.0", "CC BY-NC 4.0", _N, (_CREDIT, _NO_BUSINESS)),
        Licence("cc-by-nc-nd-3.0", "CC BY-NC-ND 3.0", _N, (_CREDIT, _NO_BUSINESS, _NO_CHANGES)),
        Licence("cc-by-nc-nd-4.0", "CC BY-NC-ND 4.0", _N, (_CREDIT, _NO_BUSINESS, _NO_CHANGES)),
        Licence("cc-by-nc-sa-2.0", "CC BY-NC-SA 2.0", _N, (_CREDIT, _NO_BUSINESS, _SAME)),
        Licence("cc-by-nc-sa-3.0", "CC BY-NC-SA 3.0", _N, (_CREDIT, _NO_BUSINESS, _SAME)),
        Licence("cc-by-nc-sa-4.0", "CC BY-NC-SA 4.0", _N, (_CREDIT, _NO_BUSINESS, _SAME)),
        Licence("qwen-research", "Qwen Research", _N, (_NO_BUSINESS, _NOTICE)),
        Licence("mrl", "Mistral Research", _N, (_RESEARCH,)),
        Licence("mnpl", "Mistral Non-Production", _N, ("No use in production.",)),
        Licence("apple-amlr", "Apple AMLR", _N, (_RESEARCH,)),
        Licence("apple-ascl", "Apple Sample Code", _P, (_NOTICE,)),
        Licence("fair-noncommercial-research-license", "FAIR Non-Commercial", _N, (_RESEARCH,)),
        Licence("intel-research", "Intel Research", _N, (_RESEARCH,)),
        Licence("exaone", "EXAONE", _N, (_RESEARCH,)),
        Licence("other", "Own licence", LicenceClass.UNKNOWN, ("Read the licence in the model's card.",)),
        Licence("unknown", "Unknown", LicenceClass.UNKNOWN),
    )
}


#: Parts of ids that publishers gave their own licences, and what they stand for.
_PARTS = (
    (("non-commercial", "noncommercial", "-nc-", "research"), _N),
    (("agpl", "gpl", "-sa-"), _C),
    (("openrail", "rail-", "llama", "gemma", "community", "nvidia", "falcon", "exaone"), _R),
    (("apache", "modified-mit", "bsd-"), _P),
)


def licence_of(license_id: str | None) -> Licence:
    """What is known of a licence by the Hub's id of it.

    One that Garden does not know is classed by what its id says of itself (``acme-non-commercial-license``), without
    duties; an id that says nothing is *unknown*, as is a missing one.
    """
    if not license_id:
        return Licence("", "No licence named", LicenceClass.UNKNOWN, ("Without a licence nothing is allowed; ask.",))
    key = license_id.strip().lower()
    known = _KNOWN.get(key)
    if known is not None:
        return known
    for parts, license_class in _PARTS:
        if any(part in key for part in parts):
            return Licence(license_id, license_id, license_class)
    return Licence(license_id, license_id, LicenceClass.UNKNOWN)


def known_licences() -> tuple[Licence, ...]:
    """Those that have duties or a class here."""
    return tuple(_KNOWN.values())
