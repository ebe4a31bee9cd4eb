"""The report of a run: one HTML file that says whether to ship, and why.

scorecard, curves, rows to look at ──► Material ──► Page (text) ──► template ──► report.html
                                                      └── charts (SVG)
"""

from understudy.report.document import render, write
from understudy.report.material import Example, Material

__all__ = ["Example", "Material", "render", "write"]
