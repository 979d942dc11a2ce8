"""Words that values are made of, as people in the United States would write them."""

from __future__ import annotations

GIVEN = (
    "Alice", "Marcus", "Grace", "Daniel", "Priya", "Owen", "Nora", "Ethan", "Maya", "Caleb",
    "Hannah", "Isaac", "Julia", "Victor", "Leah", "Samuel", "Tara", "Felix", "Ruth", "Dylan",
    "Claire", "Andre", "Naomi", "Gavin", "Elise", "Trevor", "Fiona", "Curtis", "Wendy", "Miles",
    "June", "Oscar",
)  # fmt: skip
FAMILY = (
    "Baker", "Nguyen", "Foster", "Patel", "Sullivan", "Brooks", "Ramirez", "Hayes", "Coleman",
    "Bennett", "Griffin", "Ortiz", "Chambers", "Doyle", "Fleming", "Harper", "Kim", "Larson",
    "Mercer", "Norris", "Quinn", "Rhodes", "Shaw", "Tucker", "Vaughn", "Walsh", "Young", "Archer",
    "Barker", "Dalton", "Ellis", "Frost",
)  # fmt: skip
CITIES = (
    ("Portland", "Oregon", "97201"), ("Austin", "Texas", "73301"), ("Denver", "Colorado", "80014"),
    ("Madison", "Wisconsin", "53703"), ("Raleigh", "North Carolina", "27601"),
    ("Tucson", "Arizona", "85701"), ("Boise", "Idaho", "83702"), ("Omaha", "Nebraska", "68102"),
    ("Albany", "New York", "12207"), ("Tampa", "Florida", "33602"),
    ("Toledo", "Ohio", "43604"), ("Salem", "Massachusetts", "01970"),
)  # fmt: skip
STREETS = (
    "Main St", "Oak Ave", "Maple St", "Washington Ave", "Lake Dr", "Hill Rd", "Cedar Ln",
    "Park Blvd", "River Rd", "Church St", "Highland Ave", "Sunset Blvd",
)  # fmt: skip
DISTRICTS = (
    "Downtown", "Old Town", "Riverside", "Northgate", "Westfield", "Lakeview", "Midtown",
    "Eastside", "Harbor", "Hillcrest",
)  # fmt: skip
COMPANIES = (
    "Works", "Supply", "Partners", "Trading", "Logistics", "Studio", "Foods", "Labs", "Outfitters",
    "Hardware", "Books", "Consulting",
)  # fmt: skip
TRADES = (
    "Northwind Creek", "Bluebird", "Granite", "Sunrise", "Copper Kettle", "Evergreen", "Harbor",
    "Redwood", "Silver Lake", "Juniper", "Lantern", "Prairie",
)  # fmt: skip
NOUNS = (
    "promotion", "order", "catalog", "delivery", "report", "newsletter", "survey", "invitation",
    "project", "quote", "invoice", "booking", "notice", "product", "service", "course", "event",
    "contract", "brochure", "warehouse", "itinerary", "blueprint", "inventory", "budget",
)  # fmt: skip
QUALITIES = (
    "summer", "weekly", "special", "new", "welcome", "monthly", "main", "annual", "urgent", "trial",
    "preferred", "general", "central", "seasonal", "digital", "local",
)  # fmt: skip
SENTENCES = (
    "Thank you for writing, somebody will be with you shortly.",
    "The order is on its way and arrives tomorrow afternoon.",
    "Let us know if you have any questions.",
    "We went over it with the team; the signature is still missing.",
    "Could you confirm the delivery address?",
    "The appointment is set for next Monday.",
    "Please send the receipt of the payment.",
    "The price was updated from the new catalog.",
    "The customer prefers to be called after six.",
    "We received the request and an advisor will take it.",
    "All in order, nothing to remark.",
    "The billing details are incomplete.",
)
PLAIN = (
    "amber", "birch", "cliff", "dune", "ember", "fern", "glade", "heron", "iris", "jasper", "kelp",
    "lotus", "meadow", "nectar", "opal", "pebble", "quartz", "reed", "sage", "thistle", "umber",
    "violet", "willow", "yarrow", "zephyr", "aspen", "brook", "cedar", "delta", "elm",
)  # fmt: skip
COUNTRIES = (
    ("United States", "US"), ("Canada", "CA"), ("Mexico", "MX"), ("United Kingdom", "GB"),
    ("Ireland", "IE"), ("Australia", "AU"), ("New Zealand", "NZ"), ("Germany", "DE"),
    ("France", "FR"), ("Spain", "ES"), ("Japan", "JP"), ("Brazil", "BR"),
)  # fmt: skip
LANGUAGES = ("en", "es", "fr", "de")
CURRENCIES = ("USD", "EUR", "GBP", "CAD")
COLOURS = ("red", "green", "blue", "yellow", "black", "white", "gray", "orange")
ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
