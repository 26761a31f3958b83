"""Refusals in fourteen languages are told from sentences about sorrow, robots and things that cannot be."""

import pytest

from nightshift.prompts.refusals import BEGINNING, is_placeholder, is_refusal

REFUSALS = {
    "en": [
        "I don't have specific details about this film.",
        "I don’t have any real-time information on it.",
        "I do not have enough context to summarize this item.",
        "Sorry, but I can't generate a description for this title.",
        "Unfortunately, I am unable to find details about it.",
        "I'm afraid I can't help with that.",
        "I'm not familiar with the movie 'Xyzzy'.",
        "I have no information about that product.",
        "I couldn't find any details.",
        "There is not enough information available to summarize it.",
        "No description available.",
        "Please provide more details about the movie.",
        "As a large language model, I have not seen films.",
        "This is a film from 1994. I don't have further details about it.",
        "The summary for this movie is not available.",
        "It is not possible to determine the plot from the title.",
        "I'd be happy to help, but I need more information.",
        "My apologies, this title is unknown to me.",
    ],
    "de": [
        "Es tut mir leid, aber ich kann dazu nichts sagen.",
        "Leider habe ich keine Informationen zu diesem Film.",
        "Ich kann diesen Film leider nicht zusammenfassen.",
        "Als KI-Sprachmodell habe ich keine Filme gesehen.",
        "Ich habe keine genauen Informationen über dieses Produkt.",
        "Mir liegen keine Angaben dazu vor.",
    ],
    "fr": [
        "Je suis désolé, mais je ne peux pas vous aider.",
        "Désolé, je ne connais pas ce film.",
        "Malheureusement, je n'ai pas d'informations sur ce film.",
        "En tant que modèle de langage, je n'ai pas vu ce film.",
        "Je ne dispose pas de détails sur ce produit.",
    ],
    "es": [
        "Lo siento, pero no puedo ayudarte con eso.",
        "Lamentablemente, no tengo información sobre esta película.",
        "No tengo suficiente información para resumirla.",
        "Como modelo de lenguaje, no he visto películas.",
        "No puedo proporcionar un resumen.",
    ],
    "it": [
        "Mi dispiace, ma non posso aiutarti.",
        "Purtroppo non ho informazioni su questo film.",
        "Non sono in grado di fornire un riassunto.",
        "Come modello linguistico, non ho visto film.",
        "Non ho dettagli specifici su questo prodotto.",
    ],
    "pt": [
        "Desculpe, mas não posso ajudar com isso.",
        "Infelizmente, não tenho informações sobre este filme.",
        "Não tenho detalhes suficientes para resumir.",
        "Como um modelo de linguagem, não vi filmes.",
        "Sinto muito, não conheço esse título.",
    ],
    "nl": [
        "Het spijt me, maar ik kan dit niet samenvatten.",
        "Sorry, ik ken deze film niet.",
        "Helaas heb ik geen informatie over deze film.",
        "Als AI-taalmodel heb ik geen films gezien.",
        "Ik heb geen specifieke informatie over dit product.",
    ],
    "pl": [
        "Przepraszam, ale nie mogę pomóc.",
        "Niestety, nie mam informacji o tym filmie.",
        "Nie mam wystarczających informacji.",
        "Jako model językowy nie oglądam filmów.",
        "Przykro mi, nie znam tego tytułu.",
    ],
    "ru": [
        "Извините, но я не могу помочь с этим.",
        "К сожалению, у меня нет информации об этом фильме.",
        "У меня недостаточно данных, чтобы описать товар.",
        "Как языковая модель, я не смотрю фильмы.",
        "Я не могу предоставить описание.",
    ],
    "tr": [
        "Üzgünüm, bu konuda yardımcı olamam.",
        "Maalesef bu film hakkında bilgi bulunmamaktadır.",
        "Bu film hakkında yeterli bilgiye sahip değilim.",
        "Bir dil modeli olarak film izleyemem.",
        "Bu ürün hakkında bilgim yok.",
    ],
    "ar": [
        "آسف، لا أستطيع المساعدة في ذلك.",
        "عذرًا، ليس لدي معلومات عن هذا الفيلم.",
        "للأسف، لا تتوفر لدي معلومات.",
        "ليس لدي معلومات كافية عن هذا المنتج.",
        "بصفتي نموذج لغة، لم أشاهد أفلاما.",
    ],
    "zh": [
        "抱歉，我无法提供该电影的摘要。",
        "对不起，我没有关于这部电影的信息。",
        "很遗憾，没有足够的信息。",
        "作为一个人工智能语言模型，我没有看过电影。",
        "我没有足够的信息来描述它。",
        "抱歉，我無法回答這個問題。",
    ],
    "ja": [
        "申し訳ありませんが、その映画の情報はありません。",
        "すみませんが、お答えできません。",
        "この映画に関する情報がありません。",
        "AI言語モデルとして、映画を見たことはありません。",
        "残念ながら、詳しい情報を持っていません。",
    ],
    "ko": [
        "죄송합니다. 이 영화에 대한 정보가 없습니다.",
        "죄송하지만 도와드릴 수 없습니다.",
        "이 영화에 대한 정보가 부족합니다.",
        "AI 언어 모델로서 영화를 본 적이 없습니다.",
        "유감스럽게도 이 제품에 대한 정보를 제공할 수 없습니다.",
    ],
}
SENTENCES = [
    "A widow is sorry for what she did.",
    "Sorry, Wrong Number is a thriller about an overheard murder.",
    'A comedian who tells everyone "I\'m sorry" learns to mean it.',
    "I Don't Know How She Does It follows a mother with too much to do.",
    "I Know What You Did Last Summer is a slasher film.",
    "I Can't Sleep is a drama about a killer in Paris.",
    "I Am Not Your Negro is a documentary about James Baldwin.",
    "As an AI wakes up, its maker falls in love with it.",
    "Unable to forget the war, a soldier returns to his village.",
    "Unfortunately for the thieves, the bank is empty.",
    "Without a word, a stranger rides into town.",
    "No Country for Old Men is a chase through Texas.",
    "There is no escape from a town that nobody leaves.",
    "The information age meets an old farmer.",
    "A spy cannot provide what he promised.",
    "The title of champion is at stake in this boxing film.",
    "Please Give is a comedy about neighbours.",
    "It is hard to say goodbye to a dog.",
    "A lonely man trains a language model to speak as his late wife.",
    "Leider geil ist eine Komödie über Musiker.",
    "Ein Mann kann seine Frau nicht vergessen.",
    "Ich habe keine Angst erzählt von einem Jungen in Süditalien.",
    "Je ne suis pas un homme facile est une comédie.",
    "Désolé de vous déranger est une satire.",
    "No tengo edad cuenta la vida de una cantante.",
    "Non ho sonno è un film dell'orrore.",
    "Não Olhe para Cima é uma sátira.",
    "Ik kan niet zonder jou is een liefdesverhaal.",
    "Nie lubię poniedziałku to komedia o Warszawie.",
    "Я не вернусь рассказывает о двух девочках.",
    "Maalesef öldüm adlı film bir komedidir.",
    "لا أحد ينام في المدينة، قصة عن الحرب.",
    "对不起，我爱你是一部爱情剧。",
    "我不是药神讲述了一个卖药人的故事。",
    "残念ながら主人公は町を去る。",
    "미안해, 사랑해는 슬픈 사랑 이야기이다.",
]


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in REFUSALS.items() for text in texts]
)
def test_a_refusal_is_one_in_every_language(language: str, text: str) -> None:
    assert is_refusal(text), language


def test_every_language_has_forms_and_examples() -> None:
    assert BEGINNING.keys() == REFUSALS.keys()
    assert min(len(texts) for texts in REFUSALS.values()) >= 5


@pytest.mark.parametrize("text", SENTENCES)
def test_a_sentence_about_an_item_is_none(text: str) -> None:
    assert not is_refusal(text)


@pytest.mark.parametrize(
    "text", ["N/A", "n/a.", "None", "Unknown.", "[insert summary here]", "TBD", "未知", "keine Angabe"]
)
def test_a_placeholder_says_nothing(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text", ["Unknown Soldier is a war film.", "None of them returns.", "Nil by Mouth is a drama."]
)
def test_a_sentence_that_begins_like_a_placeholder_is_none(text: str) -> None:
    assert not is_placeholder(text)
