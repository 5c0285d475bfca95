namespace NanoRecSys.Training.Import;

/// <summary>Finds a network's tensors in what people save: alone, inside of a training's checkpoint, wrapped by another module.</summary>
internal static class StateDictionary
{
    private const int DeepestNesting = 4;

    /// <summary>Where trainings keep it, most telling first.</summary>
    private static readonly string[] UsualKeys = ["state_dict", "model_state_dict", "model", "user_tower", "ranker", "module", "weights"];

    /// <param name="saved">What the pickle holds.</param>
    /// <param name="landmarks">Names that the network has for certain.</param>
    /// <param name="notes">Told of every dictionary that was looked into.</param>
    /// <exception cref="InvalidDataException">No dictionary of tensors.</exception>
    public static IReadOnlyDictionary<string, TensorView> Find(object? saved, string[] landmarks, List<string> notes)
    {
        if (saved is not Dictionary<string, object?> dictionary)
        {
            throw new InvalidDataException($"it holds {NameOf(saved)}, not a state dictionary. Save it in PyTorch with torch.save(model.state_dict(), path).");
        }

        for (int depth = 0; depth < DeepestNesting && !HoldsOne(dictionary, landmarks[0]); depth++)
        {
            if (Inner(dictionary) is not (string key, Dictionary<string, object?> inner))
            {
                break;
            }

            notes.Add($"The weights were taken from {PrintableName.Of(key)} of the checkpoint.");
            dictionary = inner;
        }

        Dictionary<string, TensorView> tensors = dictionary
            .Where(entry => entry.Value is TensorView)
            .ToDictionary(entry => entry.Key, entry => (TensorView)entry.Value!);
        return tensors.Count > 0
            ? tensors
            : throw new InvalidDataException($"it holds no tensors; its keys are {string.Join(", ", dictionary.Keys.Take(10).Select(PrintableName.Of))}.");
    }

    /// <summary>
    /// What stands before the network's own names, such as <c>module.</c> or <c>user_tower.</c>; empty where nothing
    /// does, or where several networks in the file could be meant.
    /// </summary>
    public static string PrefixOf(IEnumerable<string> names, string[] landmarks)
    {
        HashSet<string> all = [.. names];
        string[] prefixes = [.. all
            .Where(name => IsNamed(name, landmarks[0]))
            .Select(name => name[..^landmarks[0].Length])
            .Where(prefix => landmarks.All(landmark => all.Contains(prefix + landmark)))];
        return prefixes is [var only] ? only : "";
    }

    private static (string Key, Dictionary<string, object?> Inner)? Inner(Dictionary<string, object?> dictionary)
    {
        string? key = UsualKeys.FirstOrDefault(key => dictionary.GetValueOrDefault(key) is Dictionary<string, object?>);
        string[] others = key is not null ? [key] : [.. dictionary.Where(entry => entry.Value is Dictionary<string, object?>).Select(entry => entry.Key)];
        return others is [var only] ? (only, (Dictionary<string, object?>)dictionary[only]!) : null;
    }

    private static bool HoldsOne(Dictionary<string, object?> dictionary, string landmark) =>
        dictionary.Any(entry => entry.Value is TensorView && IsNamed(entry.Key, landmark));

    private static bool IsNamed(string name, string landmark) => name == landmark || name.EndsWith("." + landmark, StringComparison.Ordinal);

    private static string NameOf(object? saved) => saved switch
    {
        TensorView => "a single tensor",
        List<object?> => "a list",
        object?[] => "a tuple",
        _ => "something else",
    };
}
