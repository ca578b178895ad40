"""Configuration: the study and its method (hashed) apart from execution (never hashed)."""

from smartms_img.config.cluster import ClusterConfig, SlurmConfig
from smartms_img.config.digest import content_digest, study_digest, unit_digest
from smartms_img.config.load import default_study, load_cluster, load_study
from smartms_img.config.mri import LesionConfig, MriConfig, MriQcConfig
from smartms_img.config.oct import OctConfig, OctQcConfig
from smartms_img.config.review import ReviewConfig, ReviewRules
from smartms_img.config.study import PairConfig, QcConfig, StudyConfig, VisitConfig

__all__ = [
    "ClusterConfig",
    "LesionConfig",
    "MriConfig",
    "MriQcConfig",
    "OctConfig",
    "OctQcConfig",
    "PairConfig",
    "QcConfig",
    "ReviewConfig",
    "ReviewRules",
    "SlurmConfig",
    "StudyConfig",
    "VisitConfig",
    "content_digest",
    "default_study",
    "load_cluster",
    "load_study",
    "study_digest",
    "unit_digest",
]
