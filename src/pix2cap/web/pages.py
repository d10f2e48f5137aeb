"""The pages: what each Jinja2 template is given. JSON of the same shape comes from `web/api.py`.

Every template gets the SHELL:
    page         "grid" | "picture" | "verify" | "help" | "error"
    title        text of <title>
    source       name of the run or dataset folder, without its path
    kind         "run" | "dataset"
    task         "review" | "verify"
    read_only    True for a dataset, which takes no decisions: `notice` says so in words
    notice       one sentence for the head of the page, or None
    reviewer     the name that decisions get (POST /api/reviewer {"reviewer": NAME} changes it)
    csrf         goes into <meta name="pix2cap-token" content="...">; POSTs send it as X-Pix2cap-Token
    keys         list of `keys.Key` (key, action, words, where): the rows of this page's keyboard table
    data         dict for <script type="application/json" id="pix2cap-data">{{ data | tojson }}</script>
                 (a data block runs nothing, so the CSP lets it be). Always: {page, read_only, reviewer,
                 source, task, keys: [{key, action, words}]}, and what the page adds below
    query        the current filters as a query string without "?" and without page/segment; "" for none.
                 Links keep them: `/image/{{ id }}{{ '?' ~ query if query }}`
    sample       name of the sample that `/verify/{sample}` shows, None where there is none

grid.html       GET /
    grid         {total, page, pages, per_page, segments, images: [{image_id, file_name, width, height,
                 segments, captioned, failed, open, decided, matching, refused, thumb, href}]}: as /api/images.
                 `segments` = segments that match in all images; `matching` = those of this one;
                 `open` = segments that nobody decided; `refused` = why the image could not be used, or None
    filters      {status, class, check, finding, words_min, words_max, attempt, model, reviewer, decision, q,
                 sort, page}: the values that count now, as text, "" where not set
    choices      {status|class|check|finding|attempt|model|reviewer|decision|sort:
                 [{value, label, count, selected}]} for the <select>s; count is of the whole run
                 (None for sort); the empty value ("any") is not listed
    links        {first, previous, next, last}: hrefs, None where there is no such page
    problems     sentences on filters that were left out since they could not be read
    data adds    {query}

picture.html    GET /image/{image_id}?segment=ID&<filters>
    image        as /api/image/{id}, see `web/api.py`
    selected     the segment that ?segment= named; else the first that matches the filters; None without any
    segment      its record of `image.segments`, None without any (so that the page reads without scripts)
    data adds    {image, selected, query}

verify.html     GET /verify/{sample}
    progress     {sample, rater, done, total, left}
    item         as /api/sample/{sample}/next, see `web/api.py`; None when this rater is done
    axes         [{name: "object"|"attributes"|"relations"|"place", words, key_yes, key_no, key_unsure}]
    answers      [{value: "yes"|"no"|"unsure", words}]
    data adds    {progress, item, axes, answers}

help.html       GET /help
    tables       [{title, keys: [Key]}]: the keyboard tables of the picture, grid and verify pages

error.html      any failed page
    status       404, 400, 403, 410, 500, ...
    message      what was expected, what came, what to do; plain text
    retry        True where reloading may help
"""
