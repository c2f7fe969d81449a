"""Which protocols are spoken. Adding one is its file and one line here."""

from tests.suppliers.face import Face
from tests.suppliers.retail import Retail

FACES: dict[str, Face] = {face.protocol: face for face in (Retail(),)}
