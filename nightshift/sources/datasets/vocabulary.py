"""Words of the synthetic world: what each topic talks about, and words that belong to none."""

TOPICS = {
    "space": "astronaut orbit rocket planet comet galaxy telescope lunar gravity starship cosmonaut asteroid "
    "nebula satellite",
    "cooking": "chef recipe kitchen oven pastry spice sauce baker restaurant flavour dough roast soup garlic",
    "crime": "detective murder suspect alibi heist gangster evidence inspector ransom robbery "
    "witness smuggler "
    "forgery jury",
    "garden": "orchard rose soil greenhouse seed blossom hedge bee tulip compost meadow pruning fern vine",
    "music": "violin orchestra melody drummer guitar concert chorus piano rehearsal tempo songwriter jazz "
    "cello ballad",
    "sea": "sailor harbour tide lighthouse whale anchor storm captain reef voyage fisherman island shipwreck "
    "mast",
    "sport": "striker stadium coach marathon referee sprint trophy boxer league goalkeeper relay champion "
    "tennis defender",
    "horror": "ghost haunted curse vampire crypt scream demon graveyard possessed nightmare seance corpse "
    "werewolf shadow",
    "history": "empire king treaty cavalry archive dynasty revolt castle soldier monarch parchment siege "
    "chronicle throne",
    "romance": "wedding kiss sweetheart proposal longing bouquet bride letter courtship engagement "
    "heartbreak "
    "crush honeymoon valentine",
    "school": "teacher classroom pupil homework exam campus lecture principal diploma scholarship tutor "
    "notebook semester graduation",
    "travel": "passport railway suitcase backpacker border hostel airport itinerary desert caravan guidebook "
    "ferry expedition postcard",
}
"""Topic name to its vocabulary; no word belongs to two topics."""

NEUTRAL = (
    "quiet long small bright early simple old second open common morning window table paper corner "
    "number question answer "
    "street colour market winter friend story chapter moment evening reason picture bridge visitor "
    "engine mirror silver wooden"
)
"""Words that say nothing about a topic."""

SENTENCES = (
    "The {} account of {} and {}.",
    "It turns on {} and the {} behind {}.",
    "Between {} and {} there is always {}.",
    "Whoever cares for {} will find {} and {} here.",
    "There is {}, there is {}, and in the end there is {}.",
)
"""Sentences with three gaps."""


def words(topic: str | None) -> list[str]:
    """The vocabulary of a topic, or the neutral words."""
    return (NEUTRAL if topic is None else TOPICS[topic]).split()
