"""Words that name no subject, and the plurals of those that do: in the languages that catalogues are
mostly written in."""

from collections import Counter
from collections.abc import Iterator

ENGLISH = (
    "the and for with from that this your you are was has have had not all can its into our but will one "
    "two new more most each these those also they them their his her hers him she who whom whose what "
    "when where which while about after before between both than then there here very just only over "
    "under such some any many much few other others another every own same been being were does did how "
    "why may might must shall should would could per via off out upon within without through during "
    "against until since because however whether either neither nor too now ever never always often again "
    "still even well back down made make makes use used using uses get gets give gives let like comes "
    "come three four five six seven eight nine ten first best great perfect ideal good easy item items "
    "product products released set it's don't you'll you're we're isn't features featuring including "
    "includes include last next take takes follow follows delves explores filled pack count volume vol "
    "edition size ounce ounces inch inches"
)
GERMAN = (
    "jeden jedem mit "
    "der die das den dem des ein eine einer eines einem einen und oder aber mit von für auf aus bei nach "
    "zum zur ist sind war wird werden nicht auch als wie sie ihr ihre ihren ihrem ich wir uns unser "
    "unsere sich man nur noch sehr mehr durch über unter vor zwischen alle allem allen aller jede jeder "
    "jedes dieser diese dieses diesem diesen wenn weil dass sowie sein seine seiner hat haben kann können "
    "ohne gegen bis ideal perfekt inklusive dank ins vom beim"
)
FRENCH = (
    "les des une est sont dans pour par sur avec sans sous pas que qui quoi dont ses son leur leurs nos "
    "notre vos votre mes mon aux plus très tout tous toute toutes cette ces cet mais comme être avoir ont "
    "fait elle elles ils nous vous entre chez aussi"
)
SPANISH = (
    "los las del una unos unas para por con sin sobre que como más muy este esta estos estas ese esa eso "
    "ser son está están fue sus pero todo todos toda todas nos desde hasta entre cuando también donde "
    "cada hay tus"
)
ITALIAN = (
    "gli dei delle della dello degli del dal dalla nel nella nelle con per tra fra che chi non una uno "
    "sono suo sua suoi sue come più anche questo questa questi queste alla alle allo agli ogni tutto "
    "tutti tutte molto"
)
PORTUGUESE = (
    "dos das uma uns umas para por com sem sobre que como mais muito este esta estes estas esse essa ser "
    "são está foi seu sua seus suas mas todo todos toda todas nos nas pelo pela entre quando também onde "
    "cada não"
)
DUTCH = (
    "het een van voor met zonder door over onder tussen naar uit bij aan als dan maar ook niet wel deze "
    "dit die dat zijn haar hun ons onze uw jouw wordt worden heeft hebben kan kunnen alle elk elke veel "
    "meer zeer"
)
STOPWORDS = frozenset(" ".join((ENGLISH, GERMAN, FRENCH, SPANISH, ITALIAN, PORTUGUESE, DUTCH)).split())
"""Words that are never proposed as tags."""


SHORT, LONG = 3, 5
"""Letters that a stem must have before an English or Romance plural, and before endings that English words
have by themselves."""


def singulars(word: str) -> Iterator[str]:
    """What the word could be the plural of; guesses, to be held against words that are there."""
    stems = [(word.removesuffix("ies") + "y", SHORT)] if word.endswith("ies") else []
    stems += [
        (word.removesuffix(end), SHORT)
        for end in ("s", "es", "'s")
        if word.endswith(end) and not word.endswith("ss")
    ]
    stems += [(word.removesuffix(end), LONG) for end in ("n", "en", "e") if word.endswith(end)]
    stems += [
        (word.removesuffix(end) + one, LONG) for end, one in (("i", "o"), ("e", "a")) if word.endswith(end)
    ]
    return (stem for stem, least in stems if len(stem) >= least)


def folded(seen: Counter[str]) -> dict[str, str]:
    """Word to the form that stands for it: of a plural and its singular, where both are there, the more
    frequent. Linear in words."""
    root: dict[str, str] = {}
    for word in sorted(seen, key=lambda word: (len(word), word)):
        root[word] = next((root[one] for one in singulars(word) if one in root), word)
    form: dict[str, str] = {}
    for word in sorted(seen, key=lambda word: (-seen[word], word)):
        form.setdefault(root[word], word)
    return {word: form[one] for word, one in root.items()}
