using System.Text;

namespace NanoRecSys.IntegrationTests.Faults;

/// <summary>Malformed request bodies: each is a valid body, corrupted in one of many ways.</summary>
internal sealed class HostileBodies(int seed)
{
    private static readonly string[] Paths = ["/recommend", "/recommend/session", "/events", "/items", "/recommendations"];

    private static readonly string[] Valid =
    [
        """{"user_id": 11, "k": 5, "explain": true, "filters": {"genres_any": ["Drama"], "year_from": 1970}, "diversity": 0.5}""",
        """{"movie_ids": [1001, 1002], "times": [1, 2], "k": 5}""",
        """{"events": [{"user_id": 11, "movie_id": 1001, "rating": 4.5, "type": "rate", "timestamp": 1000, "key": "a"}]}""",
        """{"item_id": 9001, "title": "A Title (1999)", "year": 1999, "categories": ["Drama"], "attributes": {"a": [1], "b": null}, "available_from": "2026-01-01"}""",
        """{"user_id": 11, "item_id": 1001, "k": 5, "offset": 2, "filters": {"where": [{"field": "year", "op": "in", "value": [1999, 2000]}], "include_ids": [1, "a"]}, "boost": [{"categories_any": ["Drama"], "factor": 2}], "pin": [{"item_id": 1002, "position": 1}]}""",
    ];

    private static readonly string[] Values =
    [
        "null", "true", "-1", "0", "1e308", "1e999", "-1e999", "99999999999999999999999999", "0.1", "-0.0", "NaN", "Infinity", "\"\"", "\"x\"",
        "\"\\ud800\"", "\"\\u0000\"", "[]", "{}", "[[[[]]]]", "[null]", "{\"a\": 1}", "2147483648", "-2147483649", "9223372036854775808", "\"' OR 1=1 --\"",
        "\"../../etc/passwd\"", "[1, \"a\", null, {}]", "\"1e5\"", "1.0000000000000000000001", "\"\\r\\nFLUSHALL\\r\\n\"",
    ];

    private readonly Random _random = new(seed);

    public (string Path, byte[] Body) Next()
    {
        int kind = _random.Next(Paths.Length);
        string valid = Valid[kind];
        byte[] body = _random.Next(8) switch
        {
            0 or 1 or 2 => Encoding.UTF8.GetBytes(WithAnotherValue(valid)),
            3 => Encoding.UTF8.GetBytes(valid[.._random.Next(valid.Length)]),
            4 => Encoding.UTF8.GetBytes(Nested(_random.Next(1, 5000))),
            5 => Corrupted(valid),
            6 => Encoding.UTF8.GetBytes(valid.Insert(_random.Next(valid.Length), Pick(Values))),
            _ => Noise(_random.Next(200)),
        };
        return (_random.Next(10) == 0 ? Pick(Paths) : Paths[kind], body);
    }

    // Replaces the value of one field: from its colon to the next comma or bracket.
    private string WithAnotherValue(string valid)
    {
        int[] colons = [.. Enumerable.Range(0, valid.Length).Where(i => valid[i] == ':')];
        int start = colons[_random.Next(colons.Length)] + 1;
        int end = valid.IndexOfAny([',', '}', ']'], start);
        return valid[..start] + Pick(Values) + valid[end..];
    }

    private string Nested(int depth)
    {
        string open = _random.Next(2) == 0 ? "[" : "{\"filters\":";
        return string.Concat(Enumerable.Repeat(open, depth)) + "1";
    }

    private byte[] Corrupted(string valid)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(valid);
        for (int i = 0; i < 3; i++)
        {
            bytes[_random.Next(bytes.Length)] = (byte)_random.Next(256); // often no longer UTF-8
        }

        return bytes;
    }

    private byte[] Noise(int length)
    {
        byte[] bytes = new byte[length];
        _random.NextBytes(bytes);
        return bytes;
    }

    private string Pick(string[] from) => from[_random.Next(from.Length)];
}
