"""Teachers, and how they are asked."""

from understudy.teachers.taps import Tapped
from understudy.teachers.teacher import Ensemble, NetworkTeacher, Teacher, fingerprint

__all__ = ["Ensemble", "NetworkTeacher", "Tapped", "Teacher", "fingerprint"]
