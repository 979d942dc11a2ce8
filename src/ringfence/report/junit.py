"""A report as JUnit's XML, which every CI shows: a test case for each finding and each thing checked.

A finding fails its case where it would make the status 1; another one is told in the case's output.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ringfence.finding import ordered

if TYPE_CHECKING:
    from ringfence.finding import Finding, Report

# What XML 1.0 has no way to write.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def render(report: Report, *, width: int = 0, colour: bool = False) -> str:  # noqa: ARG001
    """The report as one `testsuites` document."""
    findings = ordered(report.findings)
    failing = [f for f in findings if f.severity.rank <= report.fail_on.rank]
    numbers = {
        "tests": str(len(findings) + len(report.coverage)),
        "failures": str(len(failing)),
        "errors": "0",
        "skipped": str(sum(bool(c.skipped) for c in report.coverage)),
    }
    root = ET.Element("testsuites", {"name": "ringfence", **numbers})
    suite = ET.SubElement(root, "testsuite", {"name": f"ringfence {report.command}", **numbers})
    for finding in findings:
        _case(suite, finding, fails=finding in failing)
    for row in report.coverage:
        name = _clean(row.title or row.subject)
        case = ET.SubElement(suite, "testcase", {"classname": _clean(row.subject), "name": name})
        if row.skipped:
            ET.SubElement(case, "skipped", {"message": _clean(row.skipped)})
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, finding: Finding, *, fails: bool) -> None:
    where = str(finding.span or finding.ref or "")
    attributes = {"classname": _clean(finding.code), "name": _clean(where or finding.message)}
    if finding.span:
        attributes |= {"file": _clean(finding.span.path), "line": str(finding.span.line)}
    case = ET.SubElement(suite, "testcase", attributes)
    basis = f"basis: {finding.basis}" if finding.basis else ""
    said = (finding.message, where, basis, finding.help, finding.fix, finding.reproduction)
    text = _clean("\n".join(filter(None, said)))
    if fails:
        failed = {"type": str(finding.severity), "message": _clean(finding.message)}
        ET.SubElement(case, "failure", failed).text = text
    else:
        ET.SubElement(case, "system-out").text = text


def _clean(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)
