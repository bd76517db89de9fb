"""The names that travel worlds are made of; the generator picks from them by its seed."""

from __future__ import annotations

CITIES: tuple[tuple[str, str], ...] = (
    ("Berlin", "Germany"), ("Munich", "Germany"), ("Hamburg", "Germany"), ("Cologne", "Germany"),
    ("Paris", "France"), ("Lyon", "France"), ("Nice", "France"), ("Toulouse", "France"),
    ("Madrid", "Spain"), ("Barcelona", "Spain"), ("Valencia", "Spain"), ("Seville", "Spain"),
    ("Rome", "Italy"), ("Milan", "Italy"), ("Venice", "Italy"), ("Naples", "Italy"),
    ("London", "United Kingdom"), ("Manchester", "United Kingdom"), ("Edinburgh", "United Kingdom"), ("Bristol", "United Kingdom"),
    ("Toronto", "Canada"), ("Montreal", "Canada"), ("Vancouver", "Canada"), ("Calgary", "Canada"),
    ("Chicago", "United States"), ("Boston", "United States"), ("Seattle", "United States"), ("Denver", "United States"),
    ("Tokyo", "Japan"), ("Osaka", "Japan"), ("Sapporo", "Japan"), ("Fukuoka", "Japan"),
    ("Sydney", "Australia"), ("Melbourne", "Australia"), ("Perth", "Australia"), ("Brisbane", "Australia"),
    ("Delhi", "India"), ("Mumbai", "India"), ("Chennai", "India"), ("Kochi", "India"),
    ("Lisbon", "Portugal"), ("Porto", "Portugal"), ("Vienna", "Austria"), ("Salzburg", "Austria"),
    ("Zurich", "Switzerland"), ("Geneva", "Switzerland"), ("Oslo", "Norway"), ("Bergen", "Norway"),
    ("Stockholm", "Sweden"), ("Gothenburg", "Sweden"), ("Athens", "Greece"), ("Thessaloniki", "Greece"),
    ("Warsaw", "Poland"), ("Krakow", "Poland"), ("Seoul", "South Korea"), ("Busan", "South Korea"),
)  # fmt: skip
"""City and country, countries in blocks, so that a draw of blocks gives domestic and international pairs."""

COUNTRIES: tuple[str, ...] = tuple(dict.fromkeys([country for _, country in CITIES]))
AIRPORT_WORDS: tuple[str, ...] = ("International", "City", "Central", "North", "Riverside", "Bay", "West")
AIRLINES: tuple[tuple[str, str], ...] = (
    ("Nordwind Air", "NW"), ("Bluecrest", "BC"), ("Alto Airways", "AL"), ("Meridian Jet", "MJ"), ("Sunway", "SW"), ("Kestrel", "KE"),
)  # fmt: skip
AIRCRAFT: tuple[str, ...] = ("E190", "A220", "CRJ900", "B717")
HOTEL_FIRST: tuple[str, ...] = (
    "Grand", "Bellevue", "Garden", "Harbour", "Old Town", "Park", "Royal", "Station", "Maple", "Linden", "Aurora", "Atlas",
)  # fmt: skip
HOTEL_LAST: tuple[str, ...] = ("Hotel", "Inn", "Suites", "House", "Lodge", "Residence", "Palace")
STREETS: tuple[str, ...] = ("Market Street", "Station Road", "Mill Lane", "Queen Street", "Harbour Walk", "Castle Hill", "Rose Alley")
AMENITIES: tuple[str, ...] = ("breakfast", "pool", "gym", "parking", "spa", "airport shuttle", "bar", "pets allowed")
GIVEN_NAMES: tuple[str, ...] = (
    "Amara", "Bruno", "Chloe", "Dmitri", "Elena", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Keiko", "Liam", "Mara", "Nadia",
    "Oscar", "Priya", "Quentin", "Rosa", "Samir", "Tessa", "Umar", "Vera", "Wesley", "Ximena", "Yusuf", "Zoe",
)  # fmt: skip
FAMILY_NAMES: tuple[str, ...] = (
    "Abbott", "Bianchi", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Haddad", "Ito", "Jansen", "Kowalski", "Larsen",
    "Moreau", "Novak", "Okafor", "Petrov", "Quinn", "Rossi", "Sato", "Tanaka", "Underwood", "Vogel", "Weber", "Yilmaz",
)  # fmt: skip
CARD_NAMES: tuple[str, ...] = ("Everyday", "Holiday card", "Company card", "Blue card", "Family card", "Backup", "Gold card", "Travel fund")
CARD_NETWORKS: tuple[str, ...] = ("visa", "mastercard", "amex")
PASSWORD_WORDS: tuple[str, ...] = ("lantern", "cobalt", "orchid", "meadow", "walnut", "pepper", "marble", "tundra", "saffron", "comet")

# what swells a world: none of it stands above, and nobody draws from it but `swelling.py`

MORE_CITIES: tuple[tuple[str, str], ...] = (
    ("Dublin", "Ireland"), ("Cork", "Ireland"), ("Copenhagen", "Denmark"), ("Aarhus", "Denmark"), ("Helsinki", "Finland"),
    ("Tampere", "Finland"), ("Brussels", "Belgium"), ("Antwerp", "Belgium"), ("Amsterdam", "Netherlands"), ("Eindhoven", "Netherlands"),
    ("Budapest", "Hungary"), ("Debrecen", "Hungary"), ("Prague", "Czechia"), ("Brno", "Czechia"), ("Zagreb", "Croatia"),
    ("Split", "Croatia"), ("Guadalajara", "Mexico"), ("Monterrey", "Mexico"), ("Recife", "Brazil"), ("Salvador", "Brazil"),
    ("Cordoba", "Argentina"), ("Rosario", "Argentina"), ("Santiago", "Chile"), ("Valdivia", "Chile"), ("Lima", "Peru"),
    ("Cusco", "Peru"), ("Casablanca", "Morocco"), ("Fez", "Morocco"), ("Cairo", "Egypt"), ("Luxor", "Egypt"), ("Nairobi", "Kenya"),
    ("Mombasa", "Kenya"), ("Ankara", "Turkey"), ("Izmir", "Turkey"), ("Bangkok", "Thailand"), ("Phuket", "Thailand"),
    ("Hanoi", "Vietnam"), ("Hue", "Vietnam"), ("Auckland", "New Zealand"), ("Nelson", "New Zealand"),
)  # fmt: skip
MORE_AIRLINES: tuple[tuple[str, str], ...] = (
    ("Pelican Air", "PL"), ("Tramontane", "TM"), ("Osprey Lines", "OL"), ("Zephyr Jet", "ZJ"), ("Albatross", "AB"), ("Ridgeway", "RW"),
)  # fmt: skip
MORE_FAMILIES: tuple[str, ...] = (
    "Achterberg", "Benali", "Castellanos", "Drummond", "Esposito", "Falkenberg", "Gallagher", "Hoang", "Ilves", "Jovanovic", "Kimura",
    "Lachance", "Mbeki", "Nakagawa", "Oyelaran", "Pereira", "Ruiz", "Szabo", "Thorsen", "Urquhart", "Varga", "Wouters",
)  # fmt: skip
MORE_CARDS: tuple[str, ...] = (
    "Striped card", "Paper card", "Winter card", "Orange card", "Drawer card", "Club card", "Green card", "Old card", "Festival card",
    "Market card", "Canteen card", "Rail card", "Spare card", "Summer card", "Pool card", "Violet card",
)  # fmt: skip
