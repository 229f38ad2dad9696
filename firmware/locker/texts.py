"""What people read at the locker: four lines of twenty characters, in English, French and German.

``render`` fills a screen of ``core/screens.py`` with its arguments.  A test checks that every
screen exists in every language and that the longest arguments still fit.
"""

LANGUAGES = ("en", "fr", "de")
COLUMNS = 20

# screen -> one text for each language; | separates the lines, {} takes the arguments in order
_TEXTS = {
    "idle": (
        "{}|Type your code, then|#  or scan it|* français / deutsch",
        "{}|Tapez votre code|puis #, ou scannez|* deutsch / english",
        "{}|Code eingeben, dann|#  oder scannen|* english / français",
    ),
    "typing": (
        "Your code:|{}_|# confirm|* erase",
        "Votre code :|{}_|# valider|* effacer",
        "Ihr Code:|{}_|# bestätigen|* löschen",
    ),
    "code_length": (
        "A code has|{} digits.|Please look again|and retry.",
        "Un code a|{} chiffres.|Vérifiez et|recommencez.",
        "Ein Code hat|{} Ziffern.|Bitte prüfen und|neu eingeben.",
    ),
    "wrong_code": (
        "This code is not|known here.|Please look again|and retry.",
        "Ce code n'est pas|connu ici.|Vérifiez et|recommencez.",
        "Dieser Code ist hier|nicht bekannt.|Bitte prüfen und|neu eingeben.",
    ),
    "few_tries": (
        "Wrong code.|Tries left: {}|Scanning always|works.",
        "Code inconnu.|Essais restants : {}|Le scan marche|toujours.",
        "Falscher Code.|Noch {} Versuche.|Scannen geht|immer.",
    ),
    "locked": (
        "Too many wrong codes|Next try in {}:{:02d}|Scan your QR code,|or call us.",
        "Trop d'essais.|Suivant dans {}:{:02d}|Scannez le QR code|ou appelez-nous.",
        "Zu viele Versuche.|Weiter in {}:{:02d}|QR-Code scannen|oder anrufen.",
    ),
    "not_here": (
        "This parcel is not|in this locker.|Check the address in|your message.",
        "Ce colis n'est pas|dans cette consigne.|Vérifiez l'adresse|dans le message.",
        "Dieses Paket liegt|nicht hier. Bitte|die Adresse in der|Nachricht prüfen.",
    ),
    "done_before": (
        "This parcel has been|collected already.|Questions? Please|call us.",
        "Ce colis a déjà été|retiré.|Une question ?|Appelez-nous.",
        "Dieses Paket wurde|schon abgeholt.|Fragen? Bitte|anrufen.",
    ),
    "expired": (
        "This code has|expired.|Please ask for a|new one.",
        "Ce code a expiré.|Demandez-en un|nouveau.|",
        "Dieser Code ist|abgelaufen. Bitte|einen neuen|anfordern.",
    ),
    "not_yet": (
        "This code is not|valid yet.|Please come back|later.",
        "Ce code n'est pas|encore valable.|Revenez plus tard.|",
        "Dieser Code gilt|noch nicht. Bitte|später wieder-|kommen.",
    ),
    "revoked": (
        "This code has been|withdrawn.|Please call us.|",
        "Ce code a été|annulé.|Appelez-nous.|",
        "Dieser Code wurde|zurückgezogen.|Bitte anrufen.|",
    ),
    "no_clock": (
        "The clock is not set|so this code cannot|be checked now.|Please call us.",
        "L'horloge n'est pas|réglée : ce code ne|peut être vérifié.|Appelez-nous.",
        "Die Uhr ist nicht|gestellt: Code nicht|prüfbar. Bitte|anrufen.",
    ),
    "opening": (
        "|Compartment {}|is opening.|",
        "|Le casier {}|s'ouvre.|",
        "|Fach {}|öffnet sich.|",
    ),
    "again": (
        "Compartment {}|did not open.|Trying again...|",
        "Le casier {}|ne s'ouvre pas.|Nouvel essai...|",
        "Fach {}|öffnet nicht.|Neuer Versuch...|",
    ),
    "stuck": (
        "Compartment {}|did not open? Push|the door, then press|*",
        "Casier {} pas|ouvert ? Poussez la|porte et appuyez|sur *",
        "Fach {} nicht|offen? Die Tür|andrücken, dann|* drücken",
    ),
    "broken": (
        "Compartment {}|is out of order.|Nothing is lost:|please call us.",
        "Le casier {}|est en panne. Rien|n'est perdu :|appelez-nous.",
        "Fach {}|ist gestört. Nichts|geht verloren:|bitte anrufen.",
    ),
    "is_open": (
        "Compartment {}|is open already.||Please close it.",
        "Le casier {}|est déjà ouvert.||Refermez-le svp.",
        "Fach {}|ist schon offen.||Bitte schließen.",
    ),
    "take": (
        "Compartment {}|Take your parcel and|close the door.|* wrong or missing",
        "Casier {}|Prenez le colis et|fermez la porte.|* erreur ou absent",
        "Fach {}|Paket entnehmen und|Tür schließen.|* falsch oder leer",
    ),
    "thanks": (
        "Thank you!||Forgot something?|* opens once more",
        "Merci !||Un oubli ?|* ouvre à nouveau",
        "Vielen Dank!||Etwas vergessen?|* öffnet noch einmal",
    ),
    "reported": (
        "Thank you, we look|after it. Leave what|is not yours, close|compartment {}",
        "Merci, on s'en|occupe. Laissez le|reste et fermez le|casier {}",
        "Danke, wir kümmern|uns. Fremdes liegen|lassen, bitte Fach|{} schließen",
    ),
    "close_it": (
        "|Please close|compartment {}|",
        "|Veuillez fermer|le casier {}|",
        "|Bitte schließen:|Fach {}|",
    ),
    "courier": (
        "Parcels left: {}|Scan the next|label.|# done",
        "Colis déposés : {}|Scannez l'étiquette|suivante.|# terminer",
        "Eingelegt: {}|Nächstes Etikett|scannen.|# fertig",
    ),
    "which_size": (
        "Which size?|1 small   2 medium|3 large   4 extra|* back",
        "Quelle taille ?|1 petit   2 moyen|3 grand   4 extra|* retour",
        "Welche Größe?|1 klein   2 mittel|3 groß    4 extra|* zurück",
    ),
    "fill": (
        "Compartment {}|Put the parcel in,|close the door.|* larger   # cancel",
        "Casier {}|Déposez le colis,|fermez la porte.|*+ grand  # annuler",
        "Fach {}|Paket einlegen und|Tür schließen.|* größer # abbrechen",
    ),
    "take_back": (
        "Compartment {}|Take the parcel back|and close the door.|",
        "Casier {}|Reprenez le colis et|fermez la porte.|",
        "Fach {}|Paket herausnehmen,|Tür schließen.|",
    ),
    "full": (
        "No free compartment|is large enough.|Try another parcel,|or # to end.",
        "Aucun casier libre|assez grand.|Autre colis, ou #|pour terminer.",
        "Kein freies Fach,|das groß genug ist.|Anderes Paket oder|# zum Beenden.",
    ),
    "already_here": (
        "This parcel is|already in|compartment {}|Scan the next one.",
        "Ce colis est déjà|dans le casier|{}|Scannez le suivant.",
        "Dieses Paket liegt|schon in Fach|{}|Nächstes scannen.",
    ),
    "code_clash": (
        "This parcel cannot|be left here today:|its code is taken.|Scan the next one.",
        "Ce colis ne peut|être déposé ici :|son code est pris.|Scannez le suivant.",
        "Dieses Paket geht|hier nicht: sein|Code ist vergeben.|Nächstes scannen.",
    ),
    "bad_label": (
        "This label is not|complete or has a|wrong check digit.|Scan it again.",
        "Étiquette incomplète|ou clé de contrôle|fausse.|Scannez à nouveau.",
        "Etikett ist unvoll-|ständig oder hat|falsche Prüfziffer.|Neu scannen.",
    ),
    "bad_scan": (
        "That was not a code|for this locker.|Type your code, or|scan again.",
        "Ce n'est pas un code|pour cette consigne.|Tapez votre code ou|scannez encore.",
        "Das war kein Code|für diese Anlage.|Code eingeben oder|erneut scannen.",
    ),
    "one_key": (
        "Please press|one key at a time.||",
        "Appuyez sur|une seule touche|à la fois.|",
        "Bitte nur eine|Taste auf einmal|drücken.|",
    ),
    "pick_out": (
        "Parcels taken: {}|Scan the label of|the next one.|# done",
        "Colis repris : {}|Scannez l'étiquette|du suivant.|# terminer",
        "Entnommen: {}|Etikett des|nächsten scannen.|# fertig",
    ),
    "service": (
        "Service|Compartment: {}_|# open|* back",
        "Maintenance|Casier : {}_|# ouvrir|* retour",
        "Wartung|Fach: {}_|# öffnen|* zurück",
    ),
    "no_such_door": (
        "There is no such|compartment.||* back",
        "Ce casier n'existe|pas.||* retour",
        "Dieses Fach gibt es|nicht.||* zurück",
    ),
    "goodbye": (
        "|Thank you.|Have a good day!|",
        "|Merci.|Bonne journée !|",
        "|Danke.|Einen schönen Tag!|",
    ),
    "out_of_service": (
        "Out of service.|Your parcel is safe.|Please call us.|",
        "Hors service.|Votre colis est en|sécurité.|Appelez-nous.",
        "Außer Betrieb.|Ihr Paket ist|sicher.|Bitte anrufen.",
    ),
}


def render(screen, args, language):
    """The lines of ``screen`` in ``language``: a list of four strings of at most 20 characters.

    Raises ``KeyError`` for an unknown screen and ``ValueError`` for an unknown language: both are
    faults of the program, not of a person.
    """
    text = _TEXTS[screen][LANGUAGES.index(language)].format(*args)
    return [line[:COLUMNS] for line in text.split("|")]
