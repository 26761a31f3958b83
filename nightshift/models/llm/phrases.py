"""Words with which chat models announce an answer instead of giving it, in fourteen languages."""

import re

ACKNOWLEDGED = re.compile(
    r"(?:sure(?: thing)?|certainly|of course|absolutely|ok(?:ay)?|all ?right|got it|understood|no problem"
    r"|gladly|(?:i(?:'|’)?d be )?happy to help"
    r"|here you go|yes"
    r"|(?:aber )?(?:klar|gerne?|natürlich|selbstverständlich)|sicher"
    r"|bien sûr|certainement|d['’]accord|avec plaisir"
    r"|claro(?: que s[íi]m?)?|por supuesto|con gusto|certo|certamente|volentieri|com certeza"
    r"|natuurlijk|zeker|graag|oczywiście|jasne|конечно|хорошо|разумеется|tabii(?: ki)?|elbette"
    r"|بالتأكيد|بالطبع|当然(?:可以)?|好的|没问题|もちろん(?:です)?|はい|承知しました|물론(?:입니다|이죠)?"
    r"|네|알겠습니다)"
    r"(?!\w)",
    re.IGNORECASE,
)
"""A yes that answers nothing."""

HERE_IS = re.compile(
    r"(?:here(?:['’]s| is| are| you)|below is|this is|(?:the )?following is|i(?:['’]ve| have) written"
    r"|based on"
    r"|hier (?:ist|sind|is|volgt)|das ist|voici|c['’]est|aqu[íi] (?:tienes|est[áa]|vai|tem)|este es"
    r"|esta es|ecco|questa è|esta é|este é|segue"
    r"|oto|вот|это|işte|aşağıda|إليك|هذا|هذه|فيما يلي|以下|这是|下面是|次の|これは|다음은|아래는)",
    re.IGNORECASE,
)
"""How a preamble goes on."""

NAMES = re.compile(
    r"\b(?:summar(?:y|ies)|sentences?|descriptions?|overview|answers?|response|synopsis|json|object|taste"
    r"|preferences?|profile|output"
    r"|zusammenfassung|satz|beschreibung|antwort|kurzfassung|r[ée]sum[ée]|phrase|r[ée]ponse|synthèse"
    r"|resumen|frase|oraci[óo]n|descripci[óo]n|respuesta|riassunto|sintesi|descrizione|risposta|resumo"
    r"|descriç[ãa]o|resposta"
    r"|samenvatting|zin|omschrijving|beschrijving|antwoord|streszczenie|podsumowanie|zdanie|opis"
    r"|odpowied[źz]"
    r"|резюме|описание|предложение|ответ|сводка|özet[i]?|cümle|açıklama|yanıt|cevap)\b"
    r"|ملخص|جملة|وصف|إجابة|摘要|总结|概括|概要|描述|简介|一句话|要約|説明|回答|概要|요약|문장|설명|답변",
    re.IGNORECASE,
)
"""What an announced answer is called."""
