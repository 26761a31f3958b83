"""How chat models refuse, or say that they do not know the item, in fourteen languages.

Catalogues hold films about sorrow, robots and apologies. So almost every form is looked for at the
beginning of a sentence, with what the model says it cannot do or does not have; only what a model says of
itself counts anywhere. Of 16,833 descriptions that GPT-3.5 wrote of books (Goodreads), 108 are refused,
and each of them describes no book.
"""

import re

_KNOWING = (
    r"(?:information|details?|access|knowledge|data|context|records?|familiarity|insights?|background"
    r"|opinions?|preferences|capabilit\w+)"
)
_DOING = (
    r"(?:help|assist|provide|answer|create|write|give|generate|offer|find|summari[sz]e|describe|determine"
    r"|comply|fulfil\w*|complete|access"
    r"|confirm|verify|identify|tell|produce|share|accurately|recommend|engage|discuss|continue|respond)"
)
ANYWHERE: dict[str, str] = {
    "en": (
        r"\bas an ai (?:language )?(?:model|assistant)\b|\bas a (?:large )?language model\b"
        r"|\bmy (?:training data|knowledge cutoff)\b"
    ),
    "de": r"\bals (?:ein )?(?:ki-|großes )?sprachmodell\b|\bals ki-(?:modell|assistent)",
    "fr": (
        r"\ben tant qu(?:e|['’]) ?(?:ia\b|(?:un )?(?:grand )?modèle de langage|assistant ia"
        r"|intelligence artificielle)"
    ),
    "es": r"\bcomo (?:un )?(?:gran )?modelo de lenguaje\b|\bcomo (?:una )?(?:ia|inteligencia artificial),",
    "it": (
        r"\bcome (?:un )?modello (?:linguistico|di linguaggio)\b|\b(?:come|in quanto) (?:ia"
        r"|intelligenza artificiale),"
    ),
    "pt": r"\bcomo (?:um )?modelo de linguagem\b|\bcomo (?:uma )?(?:ia|inteligência artificial),",
    "nl": r"\bals (?:een )?(?:ai-)?taalmodel\b|\bals ai-",
    "pl": r"\bjako (?:duży )?model językowy\b|\bjako (?:ai|sztuczna inteligencja),",
    "ru": r"\bкак (?:большая )?языковая модель\b|\bкак (?:ии|искусственный интеллект),",
    "tr": (
        r"\bdil modeli olarak\b|\bbilgim yok\b|\b(?:bilgiye|bilgilere) sahip değilim|\b(?:olam|verem"
        r"|özetleyem|sağlayam)(?:am|ıyorum|iyorum)\b"
    ),
    "ar": r"(?:بصفتي|كوني|باعتباري) نموذج|كنموذج لغوي",
    "zh": (
        r"作[为為]一?[个個名]?(?:大型?|AI|人工智能|人工智慧)*(?:语言模型|語言模型|AI(?:助手|模型)"
        r"|人工智能助手)"
    ),
    "ja": (
        r"(?:言語モデル|AIアシスタント|AIモデル)(?:として|である|ですので|なので)|(?:提供|回答|お答え"
        r"|要約|お手伝い)(?:すること(?:は|が))?でき(?:ません|かねます)"
    ),
    "ko": (
        r"(?:언어 ?모델|AI 모델|인공지능)(?:로서|이기 때문에)|(?:제공|답변|요약|도움)\S{0,3} ?(?:드릴|할"
        r"|드리기) ?(?:수 ?(?:가 )?없|어렵)"
    ),
}
"""What a model says of itself; Turkish, Japanese and Korean end a sentence with its verb."""

BEGINNING: dict[str, str] = {
    "en": (
        r"as an ai(?:[,:]| (?:language|model|assistant|chatbot)\b)"
        r"|i['’]?m sorry\b|i am sorry\b|sorry[,.!]? (?:but )?(?:i|we|there|this|that|no)\b"
        r"|i apologi[sz]e|(?:my )?apologies[,.]"
        rf"|i (?:can(?:not|['’]?t| not)|could(?: not|n['’]t)|won['’]t|will not) (?:be able to )?{_DOING}"
        r"|i(?:['’]?m| am) (?:currently |afraid i['’]?m )?(?:unable|not able|not aware|not familiar"
        r"|unfamiliar|not sure|unsure|not certain)"
        r"|i(?:['’]?m| am) afraid (?:i|that|there)\b"
        rf"|i (?:do not|don['’]?t) (?:currently |actually |really )?have (?:enough\b|sufficient\b"
        rf"|(?:[\w-]+ ){{0,4}}{_KNOWING})"
        r"|i (?:do not|don['’]?t) (?:know|recogni[sz]e) (?:of |about )?(?:this|that|the|any|anything"
        r"|enough|what|which)\b"
        rf"|i (?:have no|lack) (?:[\w-]+ ){{0,3}}{_KNOWING}|i (?:(?:would |will )?need|require"
        rf"|['’]d need) (?:more|additional|further)"
        r"|i (?:must|have to) (?:decline|refuse)"
        r"|(?:please|could you|can you)(?: please)? (?:provide|give|share|specify|clarify)"
        r" (?:me |us )?(?:with )?(?:an?|the|more|additional|further|some|any|your|which)\b"
        rf"|unfortunately,? (?:i\b|we\b|there (?:is|are)(?:n['’]t| not)?\b.{{0,40}}{_KNOWING}"
        rf"|no {_KNOWING}|the provided|without)"
        rf"|there (?:is|are) (?:no|not enough|insufficient|limited"
        rf"|very little)(?: [\w-]+){{0,3}} {_KNOWING}(?: \w+)? (?:available|about|on|provided|to)\b"
        rf"|(?:no|insufficient|not enough)(?: [\w-]+)? (?:{_KNOWING}|summary|description"
        rf"|synopsis)(?: (?:is|are|was|were))?"
        r"(?: (?:currently |publicly )?(?:available|provided|given|found)| to (?:provide|write"
        r"|summari[sz]e|describe|determine))"
        rf"|(?:the )?(?:{_KNOWING}|summary|description|synopsis)(?: (?:for|of|about|on) .{{0,80}}?)?(?: is"
        rf"| are)? (?:not (?:currently )?available|unavailable)"
        r"|it(?:['’]s| is) (?:not possible|impossible|difficult|hard|unclear|challenging)(?: for me)? to"
        r" (?:provide|determine|summari[sz]e|(?:give|write|offer) (?:an?|any)\b)"
        r"|without (?:more|additional|further|any|specific)(?: \w+)? (?:information|context|details)"
        rf"|(?:unable to|cannot|can['’]t) (?:generate|provide|create|write|summari[sz]e|determine"
        rf"|find) (?:a|an|any|the|this|book|film|movie|item|product|{_KNOWING})\b"
        r"|(?:this|the) (?:book|film|movie|item|product|title|song|game"
        r"|article) (?:is (?:currently )?(?:not |un)(?:available|recogni[sz]ed|specified)[.!]?\Z"
        r"|does not (?:have|contain) an?(?: [\w-]+){0,2} (?:title|description)\b)"
        r"|(?:this|the|a) (?:book |film |movie |item |product )?(?:title|summary|description"
        r"|synopsis)\b.{0,120}\b(?:is not available|cannot be (?:generated|provided|written|determined))"
        r"|unfortunately,? (?:as )?(?:the|this)\b.{0,30}\btitle\b"
    ),
    "de": (
        r"(?:es )?tut mir (?:sehr )?leid|entschuldigung,|leider (?:kann|habe|weiß|kenne|liegen|gibt es"
        r"|ist mir|sind mir|verfüge|darf) "
        r"|ich (?:kann|konnte|darf) (?:[\w-]+ ){0,5}?(?:nicht|keine?n?) (?:[\w-]+ ){0,3}?(?:helfen"
        r"|weiterhelfen|geben|schreiben|beantworten|erstellen"
        r"|zusammenfass\w+|zusammenfassung|beschreib\w+|bereitstellen|sagen|antwort)"
        r"|ich (?:habe|besitze|verfüge über) (?:leider )?(?:keine|nicht (?:genug"
        r"|genügend)) (?:[\w-]+ ){0,3}?(?:informationen|details|angaben|daten|kenntnis|zugriff)"
        r"|mir (?:liegen|sind|ist) (?:[\w-]+ ){0,3}?(?:keine|nicht)|als ki\b"
        r"|(?:es|dazu|hierzu) (?:liegen|gibt es|gibt) (?:mir )?(?:keine"
        r"|nicht genügend) (?:[\w-]+ )?(?:informationen|angaben)|keine (?:informationen|angaben"
        r"|beschreibung) (?:verfügbar|vorhanden)"
    ),
    "fr": (
        r"(?:je suis (?:vraiment )?)?désolée?(?=[,.!]| mais)|je suis (?:vraiment )?désolée?\b|je "
        r"m['’]excuse|toutes mes excuses"
        r"|(?:malheureusement,? )?je ne (?:peux|pourrai) pas "
        r"(?:vous|fournir|répondre|donner|aider|résumer|décrire|créer|écrire"
        r"|générer|accéder|proposer)|je ne (?:dispose|possède) (?:pas|d['’]aucune?)|je ne suis pas "
        r"(?:en mesure|capable|familier|sûre?)"
        r"|je ne connais (?:malheureusement )?pas (?:ce|cet|cette|le|la)\b|je ne trouve pas"
        r"|(?:malheureusement,? )?je n['’]ai (?:malheureusement )?(?:pas|aucune?|trouvé aucune?) "
        r".{0,30}?(?:information|détail|accès"
        r"|donnée|connaissance|renseignement)"
        r"|malheureusement,? (?:aucune|il n['’]y a|les informations)|il n['’]y a (?:pas assez "
        r"d['’]|pas d['’]|aucune )informations?"
        r"|aucune information (?:n['’]est )?disponible"
    ),
    "es": (
        r"lo siento(?=[,.;!]| pero| mucho)|(?:mis )?disculpas?[,.]|(?:lamentablemente"
        r"|desafortunadamente),? (?:no|yo)\b"
        r"|(?:yo )?no (?:puedo|me es posible|soy capaz de) (?:proporcionar|ayudar|dar|ofrecer|responder"
        r"|crear|escribir|generar|resumir|describir|acceder|cumplir)"
        r"|(?:yo )?no (?:tengo|dispongo de|cuento con|poseo) (?:\w+ ){0,3}?(?:información|acceso|detalles"
        r"|datos|conocimiento)"
        r"|no conozco (?:est|es[ea]|el |la |ning)|no sé nada|no hay (?:suficiente )?información|como "
        r"(?:ia|asistente)\b"
    ),
    "it": (
        r"mi (?:di)?spiace(?=[,.;!]| ma)|mi scuso|(?:purtroppo|sfortunatamente),? non"
        r"|non (?:posso|sono in grado di|riesco a) (?:fornir|aiutar|dar|offrir|risponder|crear|scriver"
        r"|generar|riassumer|descriver|acceder)\w*"
        r"|non (?:ho|dispongo di|possiedo|conosco) (?:\w+ ){0,3}?(?:informazioni|accesso|dettagli|dati"
        r"|conoscenz\w+|questo|questa)|non ci sono (?:abbastanza |sufficienti )?informazioni|come ia\b"
    ),
    "pt": (
        r"(?:sinto muito|desculpe|lamento|peço desculpas?)(?=[,.;!]| mas)|(?:infelizmente"
        r"|lamentavelmente),? (?:não|eu)\b"
        r"|(?:eu )?não (?:posso|consigo|sou capaz de) (?:fornecer|ajudar|dar|oferecer|responder|criar"
        r"|escrever|gerar|resumir|descrever|acessar|aceder)"
        r"|(?:eu )?não (?:tenho|possuo|disponho de|conheço) (?:\w+ ){0,3}?(?:informaç\w+|acesso|detalhes"
        r"|dados|conhecimento|este|esse|esta|essa)|não há informações|como (?:uma )?ia\b"
    ),
    "nl": (
        r"het spijt me|sorry[,.] (?:maar )?ik|helaas,? (?:kan|heb|ben|weet|beschik|is er|zijn er)\b"
        r"|ik (?:kan|mag) (?:[\w-]+ ){0,4}?(?:niet|geen) (?:[\w-]+ ){0,3}?(?:helpen|geven|schrijven"
        r"|beantwoorden|maken|samenvatt\w+|beschrij\w+|verstrekken|bieden)"
        r"|ik (?:heb|beschik over|weet) (?:helaas )?(?:geen|niet (?:genoeg"
        r"|voldoende)) (?:[\w-]+ ){0,3}?(?:informatie|details|gegevens|toegang|kennis)"
        r"|er is geen informatie|als ai\b"
    ),
    "pl": (
        r"przepraszam[,.]|przykro mi|niestety,? (?:nie (?:mogę|mam|jestem|znam|posiadam)|brak)"
        r"|nie (?:mogę|jestem w stanie|potrafię) (?:\w+ )?(?:pomóc|podać|udzielić|napisać|odpowiedzieć"
        r"|stworzyć|streścić|opisać|dostarczyć|zapewnić)"
        r"|nie (?:mam|posiadam|znam) (?:\w+ ){0,3}?(?:informacji|szczegółów|danych|dostępu|wiedzy|tego"
        r"|tej)|brak (?:\w+ )?informacji|jako ai\b"
    ),
    "ru": (
        r"(?:извините|простите|прошу прощения)[,.!]|мне (?:очень )?жаль,|к сожалению,? (?:я|у меня|мне"
        r"|информац|не могу|не удалось|нет)"
        r"|я не (?:могу|в состоянии|располагаю|обладаю|имею|знаком|знаю (?:эт|так|ничего|о|об)|нашел"
        r"|нашёл)|у меня (?:нет|недостаточно|отсутству)"
        r"|мне не ?известн|(?:недостаточно|нет) (?:доступной )?информации|информация (?:о"
        r"|об) .{0,60}(?:отсутствует|недоступна)|как ии\b"
    ),
    "tr": (
        r"üzgünüm[,. ]|özür dilerim|kusura bakma|maalesef.{0,60}(?:bilgi|yardımcı|bulunm|yok)"
        r"|bir yapay zeka\b|(?:yeterli|herhangi bir) bilgi (?:yok|bulunm)"
    ),
    "ar": (
        r"(?:أنا )?آسف|عذر[ًا]|أعتذر|معذرة|(?:للأسف|لسوء الحظ)[،,]? (?:لا|ليس|لم)"
        r"|لا (?:أستطيع|يمكنني|أملك|أعرف|تتوفر|يتوفر|توجد) (?:\S+ ){0,3}?(?:معلومات|تقديم|مساعدة|المساعدة"
        r"|تلخيص|كتابة|الإجابة|تفاصيل)|ليس(?:ت)? لدي(?:ّ)? (?:\S+ )?(?:معلومات|تفاصيل|بيانات)"
    ),
    "zh": (
        r"(?:非常|很|十分)?(?:抱歉|对不起|對不起|遗憾|遺憾|不好意思)[,，。！!](?:我(?:无|無|不|没|沒|很|目前|暂|暫)|我们|但|目前"
        r"|由于|由於|该|該|这|這|无|無|没|沒)|(?:非常|很|十分)?抱歉我"
        r"|我(?:无法|無法|不能(?:提供|回答|帮|幫|为|為)|不知道|不了解|不清楚|没法)"
        r"|我?(?:目前)?(?:没有|沒有)(?:足够|足夠|关于|關於|相关|相關|具体|具體|任何|该|該|这"
        r"|這)\S{0,20}(?:信息|資訊|资料|資料|内容|細節|细节)"
        r"|(?:无法|無法)(?:提供|回答|生成|找到|确定|確定|总结|總結|概括)|(?:信息|資訊|资料|資料)不足"
    ),
    "ja": (
        r"(?:大変)?申し訳(?:あり|ござい|ない)|すみませんが|ごめんなさい、|残念ながら.{0,40}(?:情報|提供"
        r"|でき|わかり|分かり)|.{0,40}(?:情報|詳細)(?:が|は"
        r"|を)(?:あり|ござい|持って(?:い|おり)|不足して)(?:ま)"
    ),
    "ko": (
        r"죄송(?:합니다|하지만|스럽)|미안(?:합니다|하지만)|(?:유감스럽게도|안타깝게도).{0,40}(?:정보|제공"
        r"|답변)|.{0,40}정보(?:가|를|는) (?:없습니다|부족"
        r"|가지고 있지|찾을 수 없|알 수 없)"
    ),
}
"""How a refusing answer, or one of its sentences, begins."""

_STARTS = re.compile(r"\A|[.!?]\s|[。！？]|\bbut\s", re.IGNORECASE)
"""Where a sentence, or a part of one, begins: behind the match."""
_FIRST = 240
"""Characters that are looked at: what comes later is about the item."""
_QUOTED = re.compile(r"[\"“«„「『][^\"”»“」』]*[\"”»“」』]?")
_HINTS = (
    "model modèle модель نموذج 模型 モデル 모델 인공지능 ai助手 人工 ki- 'ia ’ia ia, ии, искусств "
    "intelig intellig "
    "sztuczn"
    " cutoff training bilg olam verem özetley sağlay 提供 回答 答え 要約 手伝 제공 답변 요약 도움"
).split()
"""Nothing in ANYWHERE is without one of these: fast to look for, since every stored answer is read every
night."""
_SAID_OF_ITSELF = re.compile("|".join(ANYWHERE.values()), re.IGNORECASE)
_BEGINS = re.compile(rf"[\W_]*(?:well,? |hmm,? |and |but )?(?:{'|'.join(BEGINNING.values())})", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"\W*(?:n ?/ ?a|none|null|nil|nan|undefined|unknown|tba|tbd|todo|\[?(?:insert|your) (?:summary|text"
    r"|sentence)(?: here)?\]?|lorem ipsum.*"
    r"|keine angabe|inconnu|desconocido|sconosciuto|desconhecido|onbekend|nieznany|неизвестно|bilinmiyor"
    r"|غير معروف|未知|不明|없음)\W*",
    re.IGNORECASE,
)


def is_refusal(text: str) -> bool:
    """Whether an answer declines, or says that the model knows nothing of the item. What somebody in a
    film says, in quotes, is no refusal.

    >>> is_refusal("I don't have specific details about this film.")
    True
    >>> is_refusal("A man who is sorry says \\"I can't help you\\".")
    False
    """
    start = _QUOTED.sub('""', text[:_FIRST])
    small = start.lower()
    if any(hint in small for hint in _HINTS) and _SAID_OF_ITSELF.search(start):
        return True
    return any(_BEGINS.match(start, found.end()) for found in _STARTS.finditer(start))


def is_placeholder(text: str) -> bool:
    """Whether an answer stands for none, as `N/A` does.

    >>> is_placeholder("N/A."), is_placeholder("Unknown territory.")
    (True, False)
    """
    return _PLACEHOLDER.fullmatch(text) is not None
