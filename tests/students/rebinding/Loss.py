import numpy as np

def compute_CCE_loss(AL, Y): return -np.sum(Y*np.log(AL + 1e-5), axis=1).mean()
def compute_MSE_loss(AL, Y): return ((AL - Y)**2).sum()/AL.shape[0]
