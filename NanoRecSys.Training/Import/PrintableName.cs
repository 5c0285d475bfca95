namespace NanoRecSys.Training.Import;

/// <summary>Names out of a file, fit for an error's one line: whoever made the file does not write on the terminal.</summary>
internal static class PrintableName
{
    private const int Longest = 100;

    public static string Of(string name)
    {
        string cut = name.Length > Longest ? name[..Longest] + "..." : name;
        return $"'{string.Concat(cut.Select(letter => char.IsControl(letter) || char.IsSurrogate(letter) ? '?' : letter))}'";
    }
}
