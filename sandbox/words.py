"""The words of the believable world; used by the makers of values and by the endpoints."""

from __future__ import annotations

FIRST_NAMES = ("Aiko", "Ben", "Carla", "Dmitri", "Elif", "Farah", "Giorgi", "Hana", "Ivan", "Jelena", "Kofi", "Lukas",
               "Mei", "Nino", "Oskar", "Priya", "Quentin", "Rosa", "Søren", "Tamar", "Umar", "Vera", "Wei",
               "Zoë")  # fmt: skip
LAST_NAMES = ("Abashidze", "Brandt", "Costa", "Dvořák", "Eriksen", "Fontaine", "García", "Haddad", "Ito", "Jansen",
              "Kovács", "Lindqvist", "Müller", "Nakamura", "O'Brien", "Petrov", "Rossi", "Smith", "Tanaka",
              "Wójcik")  # fmt: skip
ADJECTIVES = ("Active", "Basic", "Classic", "Daily", "Extended", "First", "General", "Instant", "Local", "Managed",
              "Premium", "Quick", "Regular", "Standard", "Trusted", "Weekly")  # fmt: skip
NOUNS = ("account", "balance", "card", "check", "deposit", "exchange", "limit", "notice", "order", "payout", "plan",
         "report", "review", "transfer", "verification", "wallet")  # fmt: skip

#: (numeric code, alphabetic code, name, minor unit); crypto codes lie above the ISO ones.
CURRENCIES = (
    (840, "USD", "US Dollar", 2), (978, "EUR", "Euro", 2), (826, "GBP", "Pound Sterling", 2), (392, "JPY", "Yen", 0),
    (756, "CHF", "Swiss Franc", 2), (36, "AUD", "Australian Dollar", 2), (124, "CAD", "Canadian Dollar", 2),
    (752, "SEK", "Swedish Krona", 2), (985, "PLN", "Zloty", 2), (981, "GEL", "Lari", 2), (784, "AED", "Dirham", 2),
    (702, "SGD", "Singapore Dollar", 2), (710, "ZAR", "Rand", 2), (949, "TRY", "Lira", 2), (986, "BRL", "Real", 2),
    (1000, "BTC", "Bitcoin", 8), (1002, "ETH", "Ethereum", 8), (1005, "USDT", "Tether", 6), (1010, "XRP", "Ripple", 6),
    (1013, "LTC", "Litecoin", 8),
)  # fmt: skip

#: (alpha-2, alpha-3, numeric, name)
COUNTRIES = (
    ("AE", "ARE", 784, "United Arab Emirates"), ("AU", "AUS", 36, "Australia"), ("BR", "BRA", 76, "Brazil"),
    ("CA", "CAN", 124, "Canada"), ("CH", "CHE", 756, "Switzerland"), ("CY", "CYP", 196, "Cyprus"),
    ("CZ", "CZE", 203, "Czechia"), ("DE", "DEU", 276, "Germany"), ("ES", "ESP", 724, "Spain"),
    ("FR", "FRA", 250, "France"), ("GB", "GBR", 826, "United Kingdom"), ("GE", "GEO", 268, "Georgia"),
    ("IT", "ITA", 380, "Italy"), ("JP", "JPN", 392, "Japan"), ("NL", "NLD", 528, "Netherlands"),
    ("PL", "POL", 616, "Poland"), ("PT", "PRT", 620, "Portugal"), ("SE", "SWE", 752, "Sweden"),
    ("SG", "SGP", 702, "Singapore"), ("TR", "TUR", 792, "Türkiye"), ("ZA", "ZAF", 710, "South Africa"),
)  # fmt: skip

PLATFORMS = ("eWallet", "MetaTrader 4", "MetaTrader 5", "cTrader", "B2Trader", "Match-Trader")
PRODUCT_NAMES = ("mt5_live", "mt5_demo", "mt5_cent", "mt4_classic", "ctrader_live", "ctrader_demo", "b2trader_spot",
                 "ewallet", "partner_ib", "pamm_master", "match_live", "exchange_pro", "liquidity_a",
                 "crypto_wallet")  # fmt: skip
PERMISSIONS = (
    "deposit",
    "enabled",
    "exchange",
    "trade",
    "transferDeposit",
    "transferWithdrawal",
    "visible",
    "withdrawal",
)

#: One name has a slash, one an ampersand: they travel in paths.
CONNECTION_PROVIDERS = (
    "B2BinPay",
    "DXtrade",
    "cTrader",
    "TwillioVoice",
    "B2Trader",
    "IDWise",
    "Sum&Substance",
    "FIX/FAST Bridge",
)
SMS_PROVIDERS = ("Twilio", "Vonage", "SMSAero")
SERVICES = ("Trading signals", "VPS hosting", "Market news", "Account manager", "Copy trading", "Tax report",
            "API access", "Swap-free trading", "Education package", "Analytics")  # fmt: skip
MENU = ("Dashboard", "Wallets", "Deposits", "Withdrawals", "Transfers", "Exchange", "Platforms", "Products", "Bonuses",
        "Partners", "Verification", "Help desk", "Settings", "Downloads")  # fmt: skip
TESTS = ("Appropriateness test", "Leverage and margin", "Crypto basics", "Anti money laundering")
EVENT_TYPES = ("AccountRequestEvent", "AddressRequestEvent", "DepositRequestEvent", "DocumentRequestEvent",
               "ExchangeSuccessfulOperation", "HedgingFailEvent", "PayoutSuccessfulOperation", "SuccessfulRegistration",
               "TestPassing", "TransactionVerifyingEvent", "TransferRequestEvent")  # fmt: skip
