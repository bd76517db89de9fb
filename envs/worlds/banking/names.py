"""Words that the bank's generator and literal drawers pick from: people, shops, nicknames, references."""

FIRST_NAMES = (
    "Amara", "Bruno", "Carla", "Dmitri", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Katja", "Luca", "Mira", "Nils", "Olga",
    "Pablo", "Quentin", "Rosa", "Samir", "Tilda", "Ugo", "Vera", "Wim", "Yara", "Zeno", "Anouk", "Birgit", "Cem", "Dalia", "Emil",
    "Fiona", "Goran", "Hanna", "Ivo", "Jelena", "Kofi", "Leonie", "Marek", "Nadia", "Oskar", "Paula", "Rami", "Selma", "Tomas",
)  # fmt: skip
LAST_NAMES = (
    "Adler", "Baptista", "Cardoso", "Dreyer", "Egger", "Ferrante", "Gallo", "Haddad", "Iversen", "Jansen", "Keller", "Lindqvist",
    "Moreau", "Novak", "Okafor", "Petrov", "Quiroga", "Rossi", "Santos", "Thaler", "Urban", "Vidal", "Weber", "Yilmaz", "Zeller",
    "Brandt", "Costa", "Duarte", "Engel", "Fischer", "Grau", "Hartmann", "Ibarra", "Kaya", "Lopes", "Marin", "Nowak", "Olsen",
)  # fmt: skip
BANKS = (
    "Northgate Bank", "Banco Ribeira", "Linden Bank", "Harbour & Sons", "Meridian Savings", "Kestrel Bank", "Altmarkt Bank",
    "Union Lagoa", "Castell Bank", "Fjordline Bank",
)  # fmt: skip
GROCERS = ("Green Basket", "Corner Market", "Hofladen Weiss", "Mercado Sol", "Daily Bread", "Freshway", "Orchard Foods", "Little Larder")
SHOPS = (
    "Blue Heron Books", "Volt Electronics", "Thread & Co", "Casa Lumen", "Pedal Works", "Toy Harbour", "Garden Shed", "Nord Optics",
    "Studio Tiles", "Paper Kite", "Sound Barn", "Fern Pharmacy", "Old Mill Shoes", "Kitchen Yard",
)  # fmt: skip
OUTINGS = (
    "Cafe Aurora", "Trattoria Nonna", "Sushi Kumo", "Bar Central", "The Copper Pot", "Cinema Rex", "City Transit", "Metro Taxi",
    "Gelato Uno", "Museum of Tides", "Rock Gym", "Thermal Baths",
)  # fmt: skip
HOLDERS = ("Hotel Miramar", "Fuel Stop 24", "Swift Car Rental", "Hotel Alpenblick", "Harbour Hostel", "Drive Easy Rental", "Petrol Plus")
BILLERS = ("Aqua Water Works", "Bright Energy", "FibreLink Internet", "Town Council", "Shield Insurance", "Elm Street Housing", "MobileOne")
EMPLOYERS = ("Atlas Logistics", "Bramble Studio", "Corvid Labs", "Delta Clinics", "Eastside School", "Foundry Works", "Glasshouse Media")
EVERYDAY_NAMES = ("Everyday", "Main account", "Daily spending", "Current account", "Household", "Wallet")
SECOND_NAMES = ("Bills", "Joint account", "Side business", "Family pot", "Rent and bills", "Studio account")
SAVINGS_NAMES = ("Rainy day", "Holiday fund", "Nest egg", "Emergency fund", "Savings", "House deposit")
CURRENCY_NAMES = (
    ("USD", "Dollar account"), ("USD", "US trips"), ("GBP", "Sterling account"), ("GBP", "London money"),
    ("CHF", "Swiss francs"), ("CHF", "Ski account"), ("USD", "Dollar savings"), ("GBP", "Pounds"),
)  # fmt: skip
GOAL_NAMES = (
    "New bicycle", "Summer in Lisbon", "Laptop", "Wedding gift", "Camera", "Driving lessons", "Piano", "Moving costs", "Ski week",
    "New kitchen", "Surfboard", "Language course", "Sofa", "Winter tyres", "Garden table", "Concert trip", "Phone upgrade", "Dentist",
)  # fmt: skip
REFERENCES = (
    "rent March", "dinner on Friday", "invoice 2041", "thanks for the tickets", "birthday present", "electricity", "shared groceries",
    "piano lessons", "deposit", "club fee", "holiday share", "repair", "books", "invoice 77", "weekend trip", "gym",
)  # fmt: skip
PASS_WORDS = ("harbor", "violin", "maple", "copper", "comet", "saffron", "anchor", "willow", "ember", "quartz", "lagoon", "thistle")
TAGS = ("", "", " Home", " Work", " Club", " Family", " Studio", " Travel")
SPAM = (
    ("Parcel24", "Your parcel arrives today between 14:00 and 17:00."),
    ("Dr. Engel", "Reminder: your appointment is on Thursday at 10:30."),
    ("City Library", "Two of your books are due next week."),
    ("Mum", "Call me when you have a minute!"),
    ("FibreLink", "Maintenance tonight from 02:00 to 04:00."),
    ("Rock Gym", "The new timetable is online."),
)
NEWS = (
    ("security", "A new device was used to sign in."),
    ("product", "Savings goals now show how far you have come."),
    ("statement", "Your monthly statement is ready."),
    ("product", "Exchange quotes are valid for fifteen minutes."),
    ("security", "Never share your sign-in code with anyone."),
    ("statement", "Your yearly tax summary is ready."),
)
