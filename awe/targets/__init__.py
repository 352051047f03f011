"""One file for each kind of product: what it is, what identifies it, what it is made from, when it is bad, how it is made."""
from awe.targets.associatelist import AssociateList
from awe.targets.astrometricparameters import AstrometricParameters
from awe.targets.astrometrictemplate import AstrometricTemplate
from awe.targets.atmosphericextinction import AtmosphericExtinction
from awe.targets.backgroundframe import BackgroundFrame
from awe.targets.chargetransferefficiency import ChargeTransferEfficiency
from awe.targets.chip import Chip
from awe.targets.coadd import CoaddFrame
from awe.targets.coldpixelmap import ColdPixelMap
from awe.targets.crosstalk import CrossTalk
from awe.targets.domeflat import DomeFlat
from awe.targets.dualsourcelist import DualSourceList
from awe.targets.fieldreference import FieldReference
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.flatlevel import FlatLevel
from awe.targets.fringeframe import FringeFrame
from awe.targets.gainlinearity import GainLinearity
from awe.targets.gastrometric import GAstrometric
from awe.targets.gastromsourcelist import GAstromSourceList
from awe.targets.ghostmap import GhostMap
from awe.targets.hotpixelmap import HotPixelMap
from awe.targets.illuminationcorrection import IlluminationCorrection
from awe.targets.illuminationframe import IlluminationFrame
from awe.targets.imstat import Imstat
from awe.targets.instrument import Instrument
from awe.targets.masterbias import MasterBias
from awe.targets.masterdark import MasterDark
from awe.targets.masterflat import MasterFlat
from awe.targets.nightskyflat import NightSkyFlat
from awe.targets.particleeventrate import ParticleEventRate
from awe.targets.photometricparameters import PhotometricParameters
from awe.targets.phottransformation import PhotTransformation
from awe.targets.psfanisotropy import PsfAnisotropy
from awe.targets.psfmodel import PSFModel
from awe.targets.quickcheck import QuickCheck
from awe.targets.raw import (
    RawBiasFrame,
    RawDarkFrame,
    RawDomeFlatFrame,
    RawFrame,
    RawScienceFrame,
    RawTwilightFlatFrame,
)
from awe.targets.readnoise import ReadNoise
from awe.targets.reduced import ReducedScienceFrame
from awe.targets.referencecatalogue import ReferenceCatalogue
from awe.targets.regridded import RegriddedFrame
from awe.targets.shuttercheck import ShutterCheck
from awe.targets.skyframe import SkyFrame
from awe.targets.sourcelist import SourceList
from awe.targets.staticmask import StaticMask
from awe.targets.twilightflat import TwilightFlat

__all__ = [
    "AssociateList",
    "AstrometricParameters",
    "AstrometricTemplate",
    "AtmosphericExtinction",
    "BackgroundFrame",
    "ChargeTransferEfficiency",
    "Chip",
    "CoaddFrame",
    "ColdPixelMap",
    "CrossTalk",
    "DomeFlat",
    "DualSourceList",
    "FieldReference",
    "Filter",
    "Flag",
    "FlatLevel",
    "FringeFrame",
    "GAstromSourceList",
    "GAstrometric",
    "GainLinearity",
    "GhostMap",
    "HotPixelMap",
    "IlluminationCorrection",
    "IlluminationFrame",
    "Imstat",
    "Instrument",
    "MasterBias",
    "MasterDark",
    "MasterFlat",
    "NightSkyFlat",
    "PSFModel",
    "ParticleEventRate",
    "PhotTransformation",
    "PhotometricParameters",
    "PsfAnisotropy",
    "QuickCheck",
    "RawBiasFrame",
    "RawDarkFrame",
    "RawDomeFlatFrame",
    "RawFrame",
    "RawScienceFrame",
    "RawTwilightFlatFrame",
    "ReadNoise",
    "ReducedScienceFrame",
    "ReferenceCatalogue",
    "RegriddedFrame",
    "ShutterCheck",
    "SkyFrame",
    "SourceList",
    "StaticMask",
    "TwilightFlat",
]
