using System.Security.Cryptography;
using System.Text;

namespace NanoRecSys.Core.Artifacts;

/// <summary>
/// A version is named by its content: the first 12 hex digits of the SHA-256 over the sorted lines
/// <c>sha256  name</c> of all files but the manifest. Equal content, equal name.
/// </summary>
public static class VersionName
{
    private const int HexDigits = 12;

    public static string Of(IEnumerable<ArtifactFile> files)
    {
        IEnumerable<string> lines = files.Select(file => $"{file.Sha256}  {file.Name}").Order(StringComparer.Ordinal);
        string text = string.Concat(lines.Select(line => line + "\n"));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..HexDigits];
    }

    /// <summary>Whether a name could be a version's: nothing else may become part of a path.</summary>
    public static bool IsWellFormed(string name) =>
        name.Length == HexDigits && name.All(c => char.IsAsciiDigit(c) || c is >= 'a' and <= 'f');
}
