"""English word lists by which typed spans are read: numbers, months, units, currencies, function words, and the plain forms of words"""

from __future__ import annotations

MONTHS = "january february march april may june july august september october november december".split()
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
NUMBER_WORDS: dict[str, float] = {
    **{word: i for i, word in enumerate(SMALL)},
    **{word: 20 + 10 * i for i, word in enumerate(TENS)},
    **{"dozen": 12, "hundred": 100, "thousand": 1000, "twice": 2, "once": 1, "couple": 2, "half": 0.5, "third": 3, "quarter": 0.25},
}
UNITS = """
    second minute hour day night week fortnight month year decade percent percentage euro dollar pound franc yen metre meter kilometre kilometer km
    mile cm mm centimetre millimetre litre liter kg kilo kilogram gram tonne ton gigabyte gb mb tb megabyte terabyte degree person people guest adult
    child children seat piece pack page word copy copies ticket point star case box pallet item unit ms time place room share lesson part portion
    instance server replica
""".split()
CURRENCIES = {"€": "euro", "$": "dollar", "£": "pound", "¥": "yen", "eur": "euro", "usd": "dollar", "gbp": "pound", "chf": "franc", "jpy": "yen"}
ISO_NAMES = {  # what the commonest codes of enums are called: ISO 639-1 languages, ISO 4217 currencies
    "en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "nl": "dutch", "pl": "polish", "pt": "portuguese", "sv": "swedish",
    "da": "danish", "no": "norwegian", "fi": "finnish", "cs": "czech", "hu": "hungarian", "el": "greek", "tr": "turkish", "ru": "russian", "uk": "ukrainian",
    "zh": "chinese", "ja": "japanese", "ko": "korean", "ar": "arabic", "hi": "hindi", "eur": "euro", "usd": "dollar", "gbp": "pound", "jpy": "yen",
    "chf": "franc", "sek": "swedish krona", "nok": "norwegian krone", "dkk": "danish krone", "pln": "zloty", "czk": "koruna", "cad": "canadian dollar",
    "aud": "australian dollar",
}  # fmt: skip
MEASURES = frozenset("percent second minute hour day week month year kg cm mm km litre metre kilometre gb ms degree".split())
PEOPLE = frozenset("person people holder guest patient owner colleague author recipient name customer visitor child driver".split())
PLACES = frozenset("city town place stop station street address country village region origin destination building".split())
PROSE = frozenset(
    """
    text body message note remark comment reason words description subject title question answer word wording reply phrase term sentence
    """.split()
)

# Words that are never a value, and words that begin a sentence with a capital without being a name.
FUNCTION_WORDS = frozenset(
    """
    a an the i i'm i'd i've i'll im we we're we've we'll we'd you you're it it's its he he's she she's they they're they've this that these those
    there here my our your his her their who what when where why how which whose is are was were am be been do does did don't doesn't didn't can can't
    could couldn't would wouldn't will won't shall should may might must have has had let let's please thanks thank hello hi hey dear yes no not never
    ok okay well so and but or if as at in on of for from to with without by about after before until since while because though although then than
    now just only also still again once one two three four five six seven eight nine ten new everyone everybody somebody someone nobody something
    nothing anything anybody all both each every some any many much more most off out over under up down too less onto into like yet back away through
    them him us other others
    """.split()
)
STARTS = (
    frozenset(
        """
    add ask assign attach arrange allow archive approve book bring buy call cancel change check charge clear close collect compare complete compute
    confirm convert copy correct count create cut deduct delete deliver describe do draw drop edit end enter estimate exchange extend fetch file fill
    find finish fix flag forward get give go grant have hide hold how'd insert invite issue keep list load lock log look lower make mark merge message
    move name note notify offer open order park pass pause pay pick pin place plan play post prepare print publish pull push put raise read record
    refund register reject release remind remove rename renew repeat reply report request reserve reset resolve restart restore resume return reveal
    review ring run save say schedule search see send set share ship show sign silence skip snooze split start stop store submit subscribe suggest
    summarise suspend switch take tell test track transfer translate try turn unblock undo update upload use void wake want watch withdraw work write
    good great fine sure right lovely perfect brilliant today tomorrow yesterday oh ah hm well actually maybe perhaps subject text title customer
    number dear room user phone email e-mail address until leave exactly whatever whenever
    """.split()
    )
    | FUNCTION_WORDS
    | frozenset(MONTHS)
    | frozenset(WEEKDAYS)
)


def singular(word: str) -> str:
    """An English noun without its plural ending, in lower case: `hours` → `hour`, `copies` → `copy`."""
    word = word.lower()
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def stem(word: str) -> str:
    """A word without the commonest endings, so that `cancelled`, `cancelling` and `cancel` are one."""
    for ending in ("ingly", "ation", "ing", "ed", "ies", "es", "ly", "er", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word
