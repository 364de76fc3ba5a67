"""Vital signs of sickle-cell patients, from bracelets and bedside monitors. No medical device."""
