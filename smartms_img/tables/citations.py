"""What ``methods.md`` cites, as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Citation:
    """One paper."""

    key: str
    author: str
    title: str
    journal: str
    year: int
    doi: str

    @property
    def bibtex(self) -> str:
        """Return the entry."""
        fields = {
            "author": self.author,
            "title": f"{{{self.title}}}",
            "journal": self.journal,
            "year": str(self.year),
            "doi": self.doi,
        }
        lines = "".join(f"  {name} = {{{text}}},\n" for name, text in fields.items())
        return f"@article{{{self.key},\n{lines}}}\n"


CITATIONS: tuple[Citation, ...] = (
    Citation("ashburner2005", "Ashburner, J. and Friston, K. J.", "Unified segmentation",
             "NeuroImage", 2005, "10.1016/j.neuroimage.2005.02.018"),
    Citation("aytulun2021", "Aytulun, A. and others",
             "APOSTEL 2.0 recommendations for reporting quantitative optical coherence tomography "
             "studies", "Neurology", 2021, "10.1212/WNL.0000000000012125"),
    Citation("avants2011", "Avants, B. B. and others",
             "A reproducible evaluation of ANTs similarity metric performance in brain image "
             "registration", "NeuroImage", 2011, "10.1016/j.neuroimage.2010.09.025"),
    Citation("desikan2006", "Desikan, R. S. and others",
             "An automated labeling system for subdividing the human cerebral cortex on MRI scans "
             "into gyral based regions of interest", "NeuroImage", 2006,
             "10.1016/j.neuroimage.2006.01.021"),
    Citation("elliott2019", "Elliott, C. and others",
             "Slowly expanding/evolving lesions as a magnetic resonance imaging marker of chronic "
             "active multiple sclerosis lesions", "Multiple Sclerosis Journal", 2019,
             "10.1177/1352458518814117"),
    Citation("fonov2011", "Fonov, V. and others",
             "Unbiased average age-appropriate atlases for pediatric studies", "NeuroImage", 2011,
             "10.1016/j.neuroimage.2010.07.033"),
    Citation("gorgolewski2011", "Gorgolewski, K. and others",
             "Nipype: a flexible, lightweight and extensible neuroimaging data processing "
             "framework in Python", "Frontiers in Neuroinformatics", 2011,
             "10.3389/fninf.2011.00013"),
    Citation("gorgolewski2016", "Gorgolewski, K. J. and others",
             "The brain imaging data structure, a format for organizing and describing outputs of "
             "neuroimaging experiments", "Scientific Data", 2016, "10.1038/sdata.2016.44"),
    Citation("nolankenney2019", "Nolan-Kenney, R. C. and others",
             "Optimal intereye difference thresholds by optical coherence tomography in multiple "
             "sclerosis: an international study", "Annals of Neurology", 2019,
             "10.1002/ana.25462"),
    Citation("shattuck2001", "Shattuck, D. W. and others",
             "Magnetic resonance image tissue classification using a partial volume model",
             "NeuroImage", 2001, "10.1006/nimg.2000.0730"),
    Citation("smith2002", "Smith, S. M.", "Fast robust automated brain extraction",
             "Human Brain Mapping", 2002, "10.1002/hbm.10062"),
    Citation("tewarie2012", "Tewarie, P. and others",
             "The OSCAR-IB consensus criteria for retinal OCT quality assessment", "PLoS ONE",
             2012, "10.1371/journal.pone.0034823"),
)  # fmt: skip


def bibliography(keys: Iterable[str]) -> str:
    """Return the entries of some keys, sorted.

    Raises
    ------
    KeyError
        If a key is not known.
    """
    known = {citation.key: citation for citation in CITATIONS}
    return "\n".join(known[key].bibtex for key in sorted(set(keys)))
