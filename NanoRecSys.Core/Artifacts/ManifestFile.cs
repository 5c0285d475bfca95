using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace NanoRecSys.Core.Artifacts;

/// <summary>
/// Reads and writes <c>manifest.json</c>. A version's name covers every file but the manifest, so the manifest
/// carries its own checksum: the SHA-256 of its bytes with the checksum's digits as zeros.
/// </summary>
internal static class ManifestFile
{
    private static readonly string NoChecksum = new('0', 2 * SHA256.HashSizeInBytes);

    /// <summary>On disk when this returns; a reader sees the old manifest or the new one.</summary>
    public static void Write(string folder, Manifest manifest)
    {
        byte[] bytes = JsonSerializer.SerializeToUtf8Bytes(manifest with { Checksum = NoChecksum }, CoreJson.Default.Manifest);
        byte[] checksum = Encoding.ASCII.GetBytes(Convert.ToHexStringLower(SHA256.HashData(bytes)));
        checksum.CopyTo(bytes, bytes.AsSpan().IndexOf(Encoding.ASCII.GetBytes(NoChecksum)));
        DurableFile.Replace(Path.Combine(folder, ArtifactNames.Manifest), bytes);
    }

    /// <exception cref="ArtifactException">Missing, of another schema, or changed.</exception>
    public static Manifest Read(string folder)
    {
        string version = Path.GetFileName(folder);
        try
        {
            byte[] bytes = File.ReadAllBytes(Path.Combine(folder, ArtifactNames.Manifest));
            RequireSchema(bytes, version);
            Manifest manifest = JsonSerializer.Deserialize(bytes, CoreJson.Default.Manifest)
                ?? throw new JsonException("it is null.");
            return HasChecksum(bytes, manifest.Checksum)
                ? manifest
                : throw new ArtifactException($"Version {version}: the manifest was changed after it was published. Run 'publish' again.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ArtifactException($"Version {version}: no {ArtifactNames.Manifest} in {folder}. Run 'publish' again.", e);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new ArtifactException($"Version {version}: the manifest cannot be read: {e.Message} Run 'publish' again.", e);
        }
    }

    private static bool HasChecksum(byte[] bytes, string? checksum)
    {
        int position = checksum?.Length == NoChecksum.Length ? bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(checksum)) : -1;
        if (position < 0)
        {
            return false;
        }

        bytes.AsSpan(position, NoChecksum.Length).Fill((byte)'0');
        return Convert.ToHexStringLower(SHA256.HashData(bytes)) == checksum;
    }

    // Looked at before the rest is parsed: another schema may have other fields.
    private static void RequireSchema(byte[] manifest, string version)
    {
        using JsonDocument document = JsonDocument.Parse(manifest);
        int? schema = document.RootElement.ValueKind == JsonValueKind.Object
            && document.RootElement.TryGetProperty("schema_version", out JsonElement value)
            && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : null;
        if (schema != Manifest.CurrentSchema)
        {
            throw new ArtifactException(
                $"Version {version}: its manifest has schema {schema?.ToString() ?? "none"}, this program reads {Manifest.CurrentSchema}. " +
                "Publish it with the same release that serves it.");
        }
    }
}
