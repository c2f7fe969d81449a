"""Which protocols are spoken. Adding one is its file and one line here."""

from tests.suppliers.face import Face
from tests.suppliers.handler import Handler
from tests.suppliers.onlinesim import OnlineSim
from tests.suppliers.ping import Ping
from tests.suppliers.rentverify import RentVerify
from tests.suppliers.retail import Retail

FACES: dict[str, Face] = {
    face.protocol: face
    for face in (
        Retail(),
        Handler("bower"),
        Handler("classic"),
        Handler("hero"),
        RentVerify(),
        Ping(),
        OnlineSim(),
    )
}
PROTOCOLS = ("sandbox", *FACES)
