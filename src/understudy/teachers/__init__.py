"""Teachers, and how they are asked."""

from understudy.teachers.teacher import Ensemble, NetworkTeacher, Teacher, fingerprint

__all__ = ["Ensemble", "NetworkTeacher", "Teacher", "fingerprint"]
