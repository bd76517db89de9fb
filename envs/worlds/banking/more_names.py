"""Words for what swells a bank. None of them stands in `names.py`, so that nothing new is called like what was there."""

INITIALS = "ABCDEGHJKLMNPRSTVW"
SURNAMES = (
    "Achterberg", "Benali", "Castellanos", "Drummond", "Esposito", "Falkenberg", "Gallagher", "Hoang", "Ilves", "Jovanovic", "Kimura",
    "Lachance", "Mbeki", "Nakagawa", "Oyelaran", "Pereira", "Ruiz", "Szabo", "Thorsen", "Urquhart", "Varga", "Wouters",
)  # fmt: skip
ACCOUNTS = (
    "Parking pot", "Choir kitty", "Allotment", "Street party", "Old deposit", "Flat share", "Chess club", "Repairs", "Reserve", "Pet care",
    "Boat share", "Class trip", "Small change", "Stamp fund", "Neighbours", "Band money",
)  # fmt: skip
SIGNS = (
    "Amber",
    "Brass",
    "Cedar",
    "Dapper",
    "Ebony",
    "Fable",
    "Gilded",
    "Heather",
    "Ivory",
    "Jolly",
    "Kindle",
    "Lilac",
    "Mellow",
    "Nimble",
)
TRADES = (
    "Bakery",
    "Hardware",
    "Florist",
    "Bistro",
    "Records",
    "Framing",
    "Cycles",
    "Laundry",
    "Tailors",
    "Printing",
    "Tea Room",
    "Antiques",
)
PAYERS = ("Juniper Rentals", "Quarry Cooperative", "Tidewater Press", "Umbra Theatre", "Windmill Farm", "Xylo Music School")
HOLDERS = ("Lodge Silverpine", "Motel Seven Oaks", "Pension Edelweiss", "Van Hire North", "Scooter Rent", "Camping Duneside")
REFERENCES = (
    "allotment share", "choir dues", "order 5518", "street party", "parking May", "garage", "stamps", "invoice 9035", "order 6120",
    "membership 2026", "chess tournament", "boat mooring", "class trip", "spare keys", "newspaper", "garden tools",
)  # fmt: skip
GOALS = (
    "Telescope", "Greenhouse", "Canoe", "Sewing machine", "Rooftop terrace", "Pottery kiln", "Bookbinding", "Drum kit", "Beehives",
    "Typewriter", "Record player", "Climbing trip", "Darkroom", "Accordion", "Sailing licence", "Espresso machine",
)  # fmt: skip
SENDERS = (
    "Choir", "Allotment office", "Parcel depot", "Dentist Ruiz", "Theatre box office", "Car share", "Street committee", "Vet Thorsen",
    "Chess club", "Optician", "Ferry line", "Water board", "School office", "Window cleaner", "Recycling centre", "Bike repair",
)  # fmt: skip
MESSAGES = (
    "Your order {n} is ready to be picked up.",
    "Rehearsal moves to room {n}; please bring the blue folder.",
    "We have a table for {n} people free next month, tell us if you want it.",
    "Number {n} on the list: you will hear from us when it is your turn.",
    "Thank you for your visit. How did we do? Answer {n} for very well.",
    "Reminder: plot {n} has to be cleared before the end of the season.",
    "The lift is out of order; please use staircase {n}.",
    "Your parcel could not be delivered and waits at counter {n}.",
)
NEWS = (
    "Branch {n} has new opening hours.",
    "Our terms for cash machines abroad were reworded in section {n}.",
    "You have been with us for {n} months; thank you.",
    "A survey of {n} questions about our app is open.",
    "Maintenance of {n} minutes is planned for a Sunday night.",
    "Article {n} of our guide to savings is out.",
)
