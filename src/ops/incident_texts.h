/* The texts of notices of incidents. Nothing here is ever sent by hikae. */
#ifndef HIKAE_OPS_INCIDENT_TEXTS_H
#define HIKAE_OPS_INCIDENT_TEXTS_H

enum incident_language { INCIDENT_EN, INCIDENT_JA, INCIDENT_LANGUAGES };

/* The lines of a stage's text, NULL at the end: {name} is filled in, ____ is for a person. NULL: no such stage. */
const char *const *incident_text(const char *stage, enum incident_language language);
/* What stands over every text until a person has read it. */
const char *incident_text_warning(enum incident_language language);

#endif
