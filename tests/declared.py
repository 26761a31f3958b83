"""Enrichments of a shop's own, a file each: closed choices of items, a written reason that is embedded,
kinds of users."""

OCCASION = """\
about: When somebody would reach for this item.
entity: item
prompt: |
  {noun}: {title}
  About: {attributes}. {text}
  Best for:
choices: [home, work, a gift]
examples:
  - {title: Lamp, attributes: [light], choices: home}
features: [one_hot, number]
budget: {tokens: 50000}
"""
REASON = """\
about: Why somebody would buy this item.
entity: item
prompt: |
  {noun}: {title}
  About: {attributes}. {text}
answer: {reason: {text: 120}}
examples:
  - {title: Lamp, attributes: [light], answer: It is bright.}
fallback: {template: "{title}. {attributes}"}
embed: "{reason}"
features: [similarity]
"""
MOOD = """\
about: What kind of shopper this is.
entity: user
prompt: |
  Liked: {liked}
  Disliked: {disliked}
  Shopper:
choices: [bargain hunter, collector, gift giver]
examples:
  - {liked: [Lamp], disliked: [Desk], choices: collector}
features: [one_hot]
"""
OWN = {"occasion": OCCASION, "reason": REASON, "shopper": MOOD}
