This is no C: files that begin with _ or . or end in ~ are not looked at.
