"""Reports: records in, tables, figures and one page out. Imports no training code."""

from regrep_paper.report.page import Report, build, print_table

__all__ = ["Report", "build", "print_table"]
