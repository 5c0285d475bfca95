namespace NanoRecSys.Training.Pipeline;

/// <summary>The inputs of a result: the hash of each by name, stored in the result and compared by every step that reads it. Counts
/// and file times are no substitute: other data may have as many items, in other rows.</summary>
internal static class Provenance
{
    public const string Data = "data";

    public const string ItemData = "item data"; // titles, categories and attributes, which the hash of Data does not cover

    public const string Retriever = "retriever";

    /// <inheritdoc cref="Retriever"/>
    public const string Ranker = "ranker";

    /// <summary>The value of <see cref="Data"/> in imported weights. Their rows are compared by item id if known.</summary>
    public const string Imported = "imported";

    /// <returns>How the inputs differ, to follow "was trained" or the like; null if they are the same.</returns>
    public static string? Difference(IReadOnlyDictionary<string, string> recorded, params ReadOnlySpan<(string Name, string? Hash)> present)
    {
        foreach ((string name, string? hash) in present)
        {
            string? before = recorded.GetValueOrDefault(name);
            if (before is null && hash is not null)
            {
                return $"by an earlier version, which did not record the {name}";
            }

            if (before != hash && !(name == Data && before == Imported))
            {
                return name == Data ? "on other data than is prepared now" : $"with another {name}";
            }
        }

        return null;
    }

    /// <exception cref="UserErrorException">The file changed after the step wrote it.</exception>
    public static void RequireUnchanged(string path, string? hash, string step, string remedy) => UserErrorException.ThrowIf(
        !File.Exists(path) || FileHash.Of(path) != hash, $"{path} {(File.Exists(path) ? "changed" : "disappeared")} after '{step}' wrote it. {remedy}");
}
