"""Three more products with planted faults, made for the sentences and answers that the checks are measured on.

Vocabularies of their own (a clinic, a puzzle game, parcel software), so that a check which fits the words of `fault_logs.py` shows.
"""

from benchmarks.insights.fault_logs import PRODUCTS, Fault, FaultyGroup, FaultyProduct

CLINIC = FaultyProduct(
    "clinic",
    ("portal_opened", "doctor_picked", "slot_picked", "insurance_checked", "visit_confirmed"),
    (1.0, 0.9, 0.85, 0.85, 0.9),
    ("map_viewed", "prescriptions_read", "reminder_set", "profile_edited", "rating_left"),
    error="insurance_rejected",
    error_at=3,
    help="nurse_called",
    groups=(
        FaultyGroup("rejected", "profile_edited", Fault.ERROR, 3),
        FaultyGroup("no slots", "map_viewed", Fault.LOST, 2),
        FaultyGroup("late confirmers", "reminder_set", Fault.SLOW, 4),
        FaultyGroup("silent failures", "rating_left", Fault.BUG, 4),
        FaultyGroup("fine", "prescriptions_read"),
    ),
)
GAME = FaultyProduct(
    "puzzle game",
    ("AppStarted", "LevelBegun", "LevelSolved", "ChestOpened", "ShopEntered", "GemsBought"),
    (1.0, 0.95, 0.8, 0.85, 0.8, 0.8),
    ("HintUsed", "FriendGreeted", "RankingSeen", "SkinTried", "SoundMuted"),
    error="SyncFailed",
    error_at=3,
    help="FaqOpened",
    groups=(
        FaultyGroup("stuck levels", "HintUsed", Fault.LOOP, 3),
        FaultyGroup("out of sync", "RankingSeen", Fault.ERROR, 3),
        FaultyGroup("no shop", "FriendGreeted", Fault.LOST, 4),
        FaultyGroup("slow wallets", "SkinTried", Fault.SLOW, 5),
        FaultyGroup("spenders", "SoundMuted"),
    ),
)
PARCELS = FaultyProduct(
    "parcel desk",
    ("desk opened", "address typed", "label priced", "label printed", "pickup booked"),
    (1.0, 0.9, 0.88, 0.85, 0.9),
    ("rates compared", "history searched", "contacts imported", "tracking shared", "invoice loaded"),
    error="printer offline",
    error_at=3,
    help="support asked",
    groups=(
        FaultyGroup("offline printers", "invoice loaded", Fault.ERROR, 3),
        FaultyGroup("priced out", "rates compared", Fault.LOST, 3),
        FaultyGroup("address loops", "contacts imported", Fault.LOOP, 2),
        FaultyGroup("pickup bug", "tracking shared", Fault.BUG, 4),
        FaultyGroup("smooth", "history searched"),
    ),
)
ANSWER_PRODUCTS = (*PRODUCTS, CLINIC, GAME, PARCELS)
