using NanoRecSys.Api.Models;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Stage <c>encode</c>: turns a history into the user's embedding.</summary>
public sealed class UserEncoder
{
    /// <returns>[D], of length 1.</returns>
    public float[] Encode(ModelSnapshot model, History history)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(history);
        return model.UserTower.Encode(new TimedHistory(history.Rows, history.Times, history.Now));
    }
}
