using System.Net.Http.Headers;

namespace NanoRecSys.Training.Data;

/// <summary>
/// Remembers, beside a part of a file, which edition of the file it is of: the server's strong ETag or, without
/// one, its Last-Modified. Without either a part cannot be told from a part of another edition, and is not used.
/// </summary>
internal sealed class PartValidator(string part)
{
    private string TagPath => part + ".tag";

    /// <summary>Asks for the rest of the part only, where there is a part.</summary>
    /// <returns>Bytes that need not come again.</returns>
    public long ApplyTo(HttpRequestMessage request)
    {
        if (!File.Exists(part) || !File.Exists(TagPath) || new FileInfo(part).Length == 0)
        {
            return 0;
        }

        string tag = File.ReadAllText(TagPath);
        request.Headers.IfRange = tag.StartsWith('"') ? new RangeConditionHeaderValue(tag) : new RangeConditionHeaderValue(DateTimeOffset.Parse(tag));
        long there = new FileInfo(part).Length;
        request.Headers.Range = new RangeHeaderValue(there, null);
        return there;
    }

    public void Save(HttpResponseMessage response)
    {
        string? tag = response.Headers.ETag is { IsWeak: false } strong ? strong.Tag : response.Content.Headers.LastModified?.ToString("r");
        if (tag is null)
        {
            File.Delete(TagPath);
        }
        else
        {
            File.WriteAllText(TagPath, tag);
        }
    }

    public void Discard()
    {
        File.Delete(part);
        File.Delete(TagPath);
    }
}
