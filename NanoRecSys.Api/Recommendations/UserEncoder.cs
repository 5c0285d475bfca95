using NanoRecSys.Api.Models;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Stage <c>encode</c>: turns a history into the user's embedding, or looks up what was computed of it at publish.</summary>
public sealed class UserEncoder
{
    /// <returns>[D], of length 1.</returns>
    public float[] Encode(ModelSnapshot model, History history)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(history);
        if (history.PublishedAt is { } position && model.UserEmbeddings is { } known)
        {
            return known.Row(position);
        }

        return model.UserTowers.Served.Encode(new TimedHistory(history.Rows, history.Times, history.Now));
    }
}
