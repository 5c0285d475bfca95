namespace NanoRecSys.Benchmarks;

/// <summary>The option <c>--json</c> of all commands.</summary>
internal static class JsonLine
{
    public static readonly Option<bool> Option = new("--json") { Description = "End with one line of JSON.", Recursive = true };

    public static void Write<T>(bool isWanted, T figures, JsonSerializerOptions? options = null)
    {
        if (isWanted)
        {
            Console.WriteLine(JsonSerializer.Serialize(figures, options));
        }
    }
}
