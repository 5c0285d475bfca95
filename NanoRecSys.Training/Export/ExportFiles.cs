using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Export;

/// <summary>Names of what training and export leave for the later steps, and reading their JSON.</summary>
internal static class ExportFiles
{
    public const string Weights = "weights.safetensors";
    public const string Parity = "parity.json";
    public const string Index = "index.json";

    /// <exception cref="UserErrorException">Missing or damaged: says which verb makes the file.</exception>
    public static T ReadJson<T>(string path, JsonTypeInfo<T> type, string verb)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type) ?? throw new JsonException("it is null.");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserErrorException($"There is no {path}. Run '{verb}' first, with the same --data and --artifacts.", e);
        }
        catch (JsonException e)
        {
            throw new UserErrorException($"{path} cannot be read: {e.Message} Run '{verb}' again.", e);
        }
    }

    /// <summary>A reader sees the old file or the whole new one.</summary>
    public static void WriteJson<T>(string path, T value, JsonTypeInfo<T> type)
    {
        string temporary = path + ".tmp";
        File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(value, type));
        File.Move(temporary, path, overwrite: true);
    }
}
