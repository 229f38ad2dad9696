"""What people read at the locker: four lines of twenty characters, in English, French and German.

``render`` fills a screen of ``core/screens.py`` with its arguments.  A test checks that every
screen exists in every language and that the longest arguments still fit.
"""

from .core.limits import DISPLAY_COLUMNS

LANGUAGES = ("en", "fr", "de")

# One text for each language, a line for each screen: | separates what the display shows in its four lines, {}
# takes the arguments in order.  As constants they stay in flash; a table would take heap for every screen.
_EN = """
idle={}|Type your code, then|#  or scan it|* français / deutsch
notice={}|{}|Type your code, then|#  or scan it
typing=Your code:|{}_|# confirm|* erase
code_length=A code has|{} digits.|Please look again|and retry.
wrong_code=This code is not|known here.|Please look again|and retry.
few_tries=Wrong code.|Tries left: {}|Scanning always|works.
locked=Too many wrong codes|Next try in {}:{:02d}|Scan your QR code,|or call us.
not_here=This parcel is not|in this locker.|Check the address in|your message.
done_before=This parcel has been|collected already.|Questions? Please|call us.
expired=This code has|expired.|Please ask for a|new one.
not_yet=This code is not|valid yet.|Please come back|later.
revoked=This code has been|withdrawn.|Please call us.|
no_clock=The clock is not set|so this code cannot|be checked now.|Please call us.
opening=|Compartment {}|is opening.|
again=Compartment {}|did not open.|Trying again...|
stuck=Compartment {}|did not open? Push|the door, then press|*
broken=Compartment {}|is out of order.|Nothing is lost:|please call us.
is_open=Compartment {}|is open already.||Please close it.
take=Compartment {}|Take your parcel and|close the door.|* wrong or missing
thanks=Thank you!||Forgot something?|* opens once more
reported=Thanks, we will look|into it. Leave what|is not yours, close|compartment {}
close_it=|Please close|compartment {}|
courier=Parcels put in: {}|Scan the next|label.|# done
which_size=Which size?|1 small   2 medium|3 large   4 extra|* back
fill=Compartment {}|Put the parcel in,|close the door.|* larger   # cancel
take_back=Compartment {}|Take the parcel back|and close the door.|
full=No free compartment|is large enough.|Try another parcel,|or # to end.
already_here=This parcel is|already in|compartment {}|Scan the next one.
code_clash=This parcel cannot|be left here today:|its code is taken.|Scan the next one.
bad_label=This label is not|complete or has a|wrong check digit.|Scan it again.
bad_scan=That was not a code|for this locker.|Type your code, or|scan again.
one_key=Please press|one key at a time.||
pick_out=Parcels taken: {}|Scan the label of|the next one.|# done
pick_all=Parcels taken: {}|Scan a label, or|0 opens all in turn.|# done
home=Parcels put in: {}|Scan a label, or|home no.: {}_|# leave     * done
identity=Compartment {}|Staff: identity|paper seen?|# yes       * no
closed=We are closed now.|Open today:|{}|
closed_today=Closed today.|Please come back|another day.|
service=Service|Compartment: {}_|# open|* back
no_such_door=There is no such|compartment.||* back
goodbye=|Thank you.|Have a good day!|
out_of_service=Out of service.|Your parcel is safe.|Please call us.|
"""
_FR = """
idle={}|Tapez votre code|puis #, ou scannez|* deutsch / english
notice={}|{}|Tapez votre code|puis #, ou scannez
typing=Votre code :|{}_|# valider|* effacer
code_length=Un code a|{} chiffres.|Vérifiez et|recommencez.
wrong_code=Ce code n'est pas|connu ici.|Vérifiez et|recommencez.
few_tries=Code inconnu.|Essais restants : {}|Le scan marche|toujours.
locked=Trop d'essais.|Suivant dans {}:{:02d}|Scannez le QR code|ou appelez-nous.
not_here=Ce colis n'est pas|dans cette consigne.|Vérifiez l'adresse|dans le message.
done_before=Ce colis a déjà été|retiré.|Une question ?|Appelez-nous.
expired=Ce code a expiré.|Demandez-en un|nouveau.|
not_yet=Ce code n'est pas|encore valable.|Revenez plus tard.|
revoked=Ce code a été|annulé.|Appelez-nous.|
no_clock=L'horloge n'est pas|réglée : ce code ne|peut être vérifié.|Appelez-nous.
opening=|Le casier {}|s'ouvre.|
again=Le casier {}|ne s'ouvre pas.|Nouvel essai...|
stuck=Casier {} pas|ouvert ? Poussez la|porte et appuyez|sur *
broken=Le casier {}|est en panne. Rien|n'est perdu :|appelez-nous.
is_open=Le casier {}|est déjà ouvert.||Refermez-le svp.
take=Casier {}|Prenez le colis et|fermez la porte.|* erreur ou absent
thanks=Merci !||Un oubli ?|* ouvre à nouveau
reported=Merci, on s'en|occupe. Laissez le|reste et fermez le|casier {}
close_it=|Veuillez fermer|le casier {}|
courier=Colis déposés : {}|Scannez l'étiquette|suivante.|# terminer
which_size=Quelle taille ?|1 petit   2 moyen|3 grand   4 extra|* retour
fill=Casier {}|Déposez le colis,|fermez la porte.|*+ grand  # annuler
take_back=Casier {}|Reprenez le colis et|fermez la porte.|
full=Aucun casier libre|assez grand.|Autre colis, ou #|pour terminer.
already_here=Ce colis est déjà|dans le casier|{}|Scannez le suivant.
code_clash=Ce colis ne peut|être déposé ici :|son code est pris.|Scannez le suivant.
bad_label=Étiquette incomplète|ou clé de contrôle|fausse.|Scannez à nouveau.
bad_scan=Ce n'est pas un code|pour cette consigne.|Tapez votre code ou|scannez encore.
one_key=Appuyez sur|une seule touche|à la fois.|
pick_out=Colis repris : {}|Scannez l'étiquette|du suivant.|# terminer
pick_all=Colis repris : {}|Scannez, ou 0 ouvre|tout à la suite.|# terminer
home=Colis déposés : {}|Scannez, ou tapez|le logement : {}_|# déposer  * finir
identity=Casier {}|Employé : pièce|d'identité vue ?|# oui       * non
closed=C'est fermé.|Ouvert aujourd'hui :|{}|
closed_today=Fermé aujourd'hui.|Revenez un autre|jour.|
service=Maintenance|Casier : {}_|# ouvrir|* retour
no_such_door=Ce casier n'existe|pas.||* retour
goodbye=|Merci.|Bonne journée !|
out_of_service=Hors service.|Votre colis est en|sécurité.|Appelez-nous.
"""
_DE = """
idle={}|Code eingeben, dann|#  oder scannen|* english / français
notice={}|{}|Code eingeben, dann|#  oder scannen
typing=Ihr Code:|{}_|# bestätigen|* löschen
code_length=Ein Code hat|{} Ziffern.|Bitte prüfen und|neu eingeben.
wrong_code=Dieser Code ist hier|nicht bekannt.|Bitte prüfen und|neu eingeben.
few_tries=Falscher Code.|Versuche übrig: {}|Scannen geht|immer.
locked=Zu viele Versuche.|Weiter in {}:{:02d}|QR-Code scannen|oder anrufen.
not_here=Dieses Paket liegt|nicht hier. Bitte|die Adresse in der|Nachricht prüfen.
done_before=Dieses Paket wurde|schon abgeholt.|Fragen? Bitte|anrufen.
expired=Dieser Code ist|abgelaufen. Bitte|einen neuen|anfordern.
not_yet=Dieser Code gilt|noch nicht. Bitte|später wieder-|kommen.
revoked=Dieser Code wurde|zurückgezogen.|Bitte anrufen.|
no_clock=Die Uhr ist nicht|gestellt: Code nicht|prüfbar. Bitte|anrufen.
opening=|Fach {}|öffnet sich.|
again=Fach {}|öffnet nicht.|Neuer Versuch...|
stuck=Fach {} nicht|offen? Die Tür|andrücken, dann|* drücken
broken=Fach {}|ist gestört. Nichts|geht verloren:|bitte anrufen.
is_open=Fach {}|ist schon offen.||Bitte schließen.
take=Fach {}|Paket entnehmen und|Tür schließen.|* falsch oder leer
thanks=Vielen Dank!||Etwas vergessen?|* öffnet noch einmal
reported=Danke, wir kümmern|uns. Fremdes liegen|lassen, bitte Fach|{} schließen
close_it=|Bitte schließen:|Fach {}|
courier=Eingelegt: {}|Nächstes Etikett|scannen.|# fertig
which_size=Welche Größe?|1 klein   2 mittel|3 groß    4 extra|* zurück
fill=Fach {}|Paket einlegen und|Tür schließen.|* größer # abbrechen
take_back=Fach {}|Paket herausnehmen,|Tür schließen.|
full=Kein freies Fach,|das groß genug ist.|Anderes Paket oder|# zum Beenden.
already_here=Dieses Paket liegt|schon in Fach|{}|Nächstes scannen.
code_clash=Dieses Paket geht|hier nicht: sein|Code ist vergeben.|Nächstes scannen.
bad_label=Etikett ist unvoll-|ständig oder hat|falsche Prüfziffer.|Neu scannen.
bad_scan=Das war kein Code|für diese Anlage.|Code eingeben oder|erneut scannen.
one_key=Bitte nur eine|Taste auf einmal|drücken.|
pick_out=Entnommen: {}|Etikett des|nächsten scannen.|# fertig
pick_all=Entnommen: {}|Scannen, 0 öffnet|alle nacheinander.|# fertig
home=Eingelegt: {}|Scannen oder Nummer|der Wohnung: {}_|# einlegen * fertig
identity=Fach {}|Personal: Ausweis|gesehen?|# ja        * nein
closed=Jetzt geschlossen.|Heute geöffnet:|{}|
closed_today=Heute geschlossen.|Bitte an einem|anderen Tag kommen.|
service=Wartung|Fach: {}_|# öffnen|* zurück
no_such_door=Dieses Fach gibt es|nicht.||* zurück
goodbye=|Danke.|Einen schönen Tag!|
out_of_service=Außer Betrieb.|Ihr Paket ist|sicher.|Bitte anrufen.
"""
_TEXTS = (_EN, _FR, _DE)


def words(screen: str, language: str) -> str:
    """The text of ``screen`` as it stands above.

    Raises ``KeyError`` for an unknown screen and ``ValueError`` for an unknown language: both are
    faults of the program, not of a person.
    """
    texts = _TEXTS[LANGUAGES.index(language)]
    start = texts.find("\n" + screen + "=")
    if start < 0:
        raise KeyError(screen)
    return texts[start + len(screen) + 2 : texts.find("\n", start + 1)]


def render(screen: str, args: tuple[str | int, ...], language: str) -> list[str]:
    """The lines of ``screen`` in ``language``: a list of four strings of at most 20 characters."""
    return [line[:DISPLAY_COLUMNS] for line in words(screen, language).format(*args).split("|")]
