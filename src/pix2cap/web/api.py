"""The JSON of the app: what scripts read and send. Every error is {"error": text} with its HTTP status.

GET /api/images?<filters>&page=N  the `grid` record of `web/pages.py`
GET /api/image/{id}?<filters>     one image:
    {image_id, file_name, width, height, previous, next, number, of, read_only, refused, query,
     pixels, map, marked,                                             addresses; marked is null without a map
     segments: [{id, class, is_thing, is_crowd, color: "#rrggbb", box: [x0, y0, x1, y1] | null, area | null,
        parts | null,                                                 disjoint parts
        position, matches,                                            matches: true where the filters keep it
        status, text,                                                 as a decision left them
        original: {status, text, reason},                             as the model and checks left them
        reason | null, words, model | null, attempt | null, reviewer | null,
        attempts: [{attempt, stage, model, text, verdict, findings: [{check, reason, hard}]}],
        findings: [{check, reason, confidence}],                      of --findings FILE
        crop: "/crop/{image}/{segment}.jpg" | null,
        decision: DECISION | null, history: [DECISION], conflict, based_on,
        can: [actions that make sense now]}]}
    DECISION = {seq, at, reviewer, action, text, reason}; `based_on` is what /api/decide wants back
GET /pixels/{id}.jpg  /map/{id}.png  /marked/{id}.jpg  /thumb/{id}.jpg  /crop/{id}/{segment}.jpg
    map: RGB PNG, id = R + 256 G + 65536 B, at the map's own size; pixels may be smaller than width x height
POST /api/decide  {image_id, segment_id, action, text?, reason?, based_on, token, anyway?}
    200 {segment}   409 {conflict: true, error, segment}: the standing moved on since `based_on`; send again
    with segment.based_on, or with anyway: true to keep both    400 {error}   403 read-only
POST /api/check   {image_id, segment_id, text} -> {findings: [{check, reason, hard}], words}
POST /api/reviewer {reviewer} -> {reviewer}: also set as a cookie
GET /api/sample/{name}/next -> {progress, item: {item, image_id, file_name, width, height, segment_id, class,
    is_thing, color, box, text, pixels, map, marked} | null}
POST /api/verdict {sample, item, object, attributes, relations, place, note?, token}
    -> {progress, item}: the next one; answers are "yes" | "no" | "unsure"
"""
