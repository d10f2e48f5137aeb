// Keeps the original SPICE running: one JSON request a line on stdin, one answer a line on stdout.
//
//   {"parse": [text, ...]}                      -> {"tuples": [[[word, ...], ...], ...]}
//   {"score": [[[tuples of a reference, ...], tuples of the candidate], ...]}
//                                               -> {"scores": [{category: {f, pr, re, tp, fp, fn}}, ...]}
//
// Runs in Nashorn's shell. SpiceScorer's own main parses a text as often as it occurs and writes nothing before
// its end; this calls the same classes in the same way (parse, scene graph, statistics) a few texts at a time.
var ArrayList = Java.type("java.util.ArrayList");
var Arrays = Java.type("java.util.Arrays");
var SpiceParser = Java.type("edu.anu.spice.SpiceParser");
var SceneGraph = Java.type("edu.anu.spice.SceneGraph");
var SpiceStats = Java.type("edu.anu.spice.SpiceStats");
var TupleFilter = Java.type("edu.anu.spice.TupleFilter");

var reader = new java.io.BufferedReader(new java.io.InputStreamReader(java.lang.System["in"], "UTF-8"));
var output = new java.io.PrintStream(java.lang.System.out, true, "US-ASCII");

var parser = new SpiceParser(null, 1, true);
var generateTuples = SpiceParser.class.getDeclaredMethod("generateTuples", java.util.List.class);
generateTuples.setAccessible(true);
var synonymsField = SpiceParser.class.getDeclaredField("synonyms");
synonymsField.setAccessible(true);
var synonyms = synonymsField.get(parser);

var filters = new java.util.HashMap();
filters.put("Object", TupleFilter.objectFilter);
filters.put("Attribute", TupleFilter.attributeFilter);
filters.put("Relation", TupleFilter.relationFilter);
filters.put("Cardinality", TupleFilter.cardinalityFilter);
filters.put("Color", TupleFilter.colorFilter);
filters.put("Size", TupleFilter.sizeFilter);

function stringList(strings) {
  return new ArrayList(Arrays.asList(Java.to(strings, "java.lang.String[]")));
}

function parse(texts) {
  var byText = generateTuples.invoke(parser, stringList(texts));
  return texts.map(function (text) {
    var tuples = byText.get(text);
    if (tuples === null) {
      throw new Error("no parse of " + JSON.stringify(text));
    }
    return Java.from(tuples).map(function (tuple) {
      return Java.from(tuple).map(String);
    });
  });
}

function sceneGraph(tupleLists) {
  var scene = new SceneGraph(synonyms, true);
  tupleLists.forEach(function (tuples) {
    tuples.forEach(function (tuple) {
      scene.addTuple(stringList(tuple));
    });
  });
  return scene;
}

function score(pair) {
  var references = sceneGraph(pair[0]);
  var candidate = sceneGraph([pair[1]]);
  var stats = new SpiceStats(filters, false);
  stats.score("item", candidate, references, true);
  return JSON.parse(stats.toJSONString())[0].scores;
}

function answer(line) {
  try {
    var request = JSON.parse(line);
    return request.parse ? { tuples: parse(request.parse) } : { scores: request.score.map(score) };
  } catch (error) {
    return { error: String(error) };
  }
}

function ascii(text) {
  return text.replace(/[\u0080-\uffff]/g, function (letter) {
    return "\\u" + ("000" + letter.charCodeAt(0).toString(16)).slice(-4);
  });
}

output.println("@@ " + JSON.stringify({ ready: true }));
for (var line = reader.readLine(); line !== null; line = reader.readLine()) {
  output.println("@@ " + ascii(JSON.stringify(answer(line))));
}
