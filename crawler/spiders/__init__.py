"""One CMS family a file; the file's name with dashes is the family's slug (`hanweb_jcms.py` is `hanweb-jcms`)."""
